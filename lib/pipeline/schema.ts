// The JSON Schema (draft 2020-12) of a pipeline file. pipeline.schema.json, which editors use, is this very object.
// It checks the file as written, before templating: wherever a value may come from a template, text with `${` passes.
// `x-expected` says in words what a pattern or a set of types means; messages are made of it.

import { remoteNamePattern } from './remotes.ts';
import { durationPattern, sizePattern } from './quantity.ts';

const templated = '\\$\\{';

function flag(description: string) {
  return { description, type: ['boolean', 'string'], pattern: templated, 'x-expected': 'true or false' } as const;
}

function texts(description: string, expected: string) {
  return { description, type: 'array', items: { type: 'string', minLength: 1, 'x-expected': expected } } as const;
}

const outFlags = {
  cache: flag(
    'Keep a copy in the cache. False: the file is meant for git; it is still restored when a run is repeated. Default: true.',
  ),
  persist: flag('Do not remove the out before the stage runs. Default: false.'),
  desc: { description: 'A note for people; it never causes a run.', type: 'string' },
  push: flag('Accepted from dvc.yaml; without effect here.'),
  remote: { description: 'Accepted from dvc.yaml; without effect here.', type: 'string' },
  hash: { description: 'Accepted from dvc.yaml; without effect here.', type: 'string' },
  checkpoint: { description: 'Accepted from dvc.yaml; without effect here.', type: 'boolean' },
  type: { description: 'Accepted from dvc.yaml; without effect here.', type: 'string' },
  labels: { description: 'Accepted from dvc.yaml; without effect here.', type: 'array', items: { type: 'string' } },
  meta: { description: 'Anything; for people and other programs.' },
} as const;

const plotFlags = {
  x: { description: 'Field of the x axis (as in dvc.yaml).', type: ['string', 'object', 'null'] },
  y: { description: 'Field or fields of the y axis (as in dvc.yaml).', type: ['string', 'array', 'object', 'null'] },
  x_label: { description: 'Title of the x axis.', type: 'string' },
  y_label: { description: 'Title of the y axis.', type: 'string' },
  title: { description: 'Title of the plot.', type: 'string' },
  template: { description: 'Name or path of a plot template.', type: 'string' },
  header: flag('Whether a CSV or TSV file has a header.'),
} as const;

const common = {
  desc: { description: 'A note for people; it never causes a run.', type: 'string' },
  meta: { description: 'Anything; for people and other programs. It never causes a run.' },
  cmd: {
    description: 'The command, or a list of commands that run one after the other until one fails.',
    type: ['string', 'array'],
    minLength: 1,
    minItems: 1,
    items: { type: 'string', minLength: 1, 'x-expected': 'a command' },
    'x-expected': 'a command, or a list of commands',
  },
  wdir: {
    description:
      'The folder that the command runs in; every path of the stage is relative to it. Default: the folder of this file.',
    type: 'string',
    minLength: 1,
  },
  deps: texts('Files and folders that the command reads. A path with * or ? is a pattern.', 'a path'),
  params: {
    description:
      'Parameters that the command reads: keys of params.yaml, or {file: [keys]}; {file: null} is the whole file.',
    type: 'array',
    items: {
      type: ['string', 'object'],
      minLength: 1,
      minProperties: 1,
      additionalProperties: {
        type: ['array', 'null'],
        items: { type: ['string', 'number'], 'x-expected': 'a key' },
        'x-expected': 'a list of keys, or nothing for the whole file',
      },
      'x-expected': 'a key, or {file: [keys]}',
    },
  },
  outs: { description: 'Files and folders that the command writes.', type: 'array', items: { $ref: '#/$defs/out' } },
  metrics: {
    description: 'Outs that hold numbers to compare runs by (JSON or YAML).',
    type: 'array',
    items: { $ref: '#/$defs/out' },
  },
  plots: { description: 'Outs that hold data for plots.', type: 'array', items: { $ref: '#/$defs/plot' } },
  vars: { $ref: '#/$defs/vars' },
  frozen: flag('Do not run the stage again, whatever its deps say.'),
  always_changed: flag('Run the stage every time.'),
  push: flag('False: runs of the stage are never pushed to a remote. Default: true.'),
  code: texts(
    'Source files of the command: they, everything they import from this project, and the versions of the packages they import count as deps.',
    'the path of a source file',
  ),
  env: texts('Environment variables that the result depends on.', 'the name of an environment variable'),
  host: flag('The result depends on the machine (processor, system): for timings.'),
  runs: texts(
    'Stages whose recorded history this stage reads: every run of them in the run cache.',
    'the name of a stage',
  ),
  relocatable: flag(
    'The command learns its paths from the stage context, so that neither the name of the stage nor its paths count.',
  ),
  resources: {
    description: 'What the stage takes while it runs: cpu (job slots, default 1), memory, and anything named in pools.',
    type: 'object',
    properties: {
      cpu: {
        description: 'Job slots. Default: 1.',
        type: ['integer', 'string'],
        minimum: 1,
        pattern: templated,
        'x-expected': 'a whole number from 1',
      },
      memory: { $ref: '#/$defs/size' },
    },
    additionalProperties: {
      type: ['integer', 'string'],
      minimum: 0,
      pattern: templated,
      'x-expected': 'a whole number from 0',
    },
  },
  timeout: {
    description: 'How long one attempt may take: seconds, or text such as "90s", "30m", "2h".',
    type: ['number', 'string'],
    exclusiveMinimum: 0,
    pattern: `${templated}|${durationPattern}`,
    'x-expected': 'seconds, or text such as "90s", "30m" or "2h"',
  },
  retries: {
    description: 'Attempts after the first that failed. Default: 0.',
    type: ['integer', 'string'],
    minimum: 0,
    pattern: templated,
    'x-expected': 'a whole number from 0',
  },
  executor: {
    description:
      'Where the command runs: "local" is this machine, "slurm" the cluster. Default: what --executor or the user settings say.',
    enum: ['local', 'slurm'],
  },
  slurm: {
    description: 'What is asked of Slurm besides the resources; without effect where the command runs on this machine.',
    type: 'object',
    properties: {
      partition: { description: 'Partition (sbatch --partition).', type: 'string', minLength: 1 },
      account: { description: 'Account (sbatch --account).', type: 'string', minLength: 1 },
      qos: { description: 'Quality of service (sbatch --qos).', type: 'string', minLength: 1 },
      extra: {
        description: 'Further options of sbatch, each one text: "--constraint=a100".',
        type: 'array',
        items: {
          type: 'string',
          pattern: `${templated}|^--[a-z]`,
          'x-expected': 'an option such as "--constraint=a100"',
        },
      },
    },
    additionalProperties: false,
  },
} as const;

/** Letters of any script, digits and `_-.=+,:%`; no leading `.` or `-`; no `@`, which separates the name of a group from its items. */
export const stageNamePattern = '^[\\p{L}\\p{N}_=+,:%][\\p{L}\\p{M}\\p{N}_.=+,:%-]*$';

export const pipelineSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'dagrun pipeline',
  description: 'A pipeline of dagrun: a superset of dvc.yaml.',
  type: ['object', 'null'],
  'x-expected': 'a map',
  properties: {
    stages: {
      description: 'The stages by name.',
      type: ['object', 'null'],
      'x-expected': 'a map',
      propertyNames: {
        pattern: stageNamePattern,
        maxLength: 100,
        'x-expected':
          'a stage name: letters, digits and _-.=+,:% only, starting with neither "." nor "-", at most 100 characters',
      },
      additionalProperties: { $ref: '#/$defs/stage' },
    },
    vars: { $ref: '#/$defs/vars' },
    pools: {
      description: 'What all running stages together may take: capacities by resource name.',
      type: 'object',
      properties: { memory: { $ref: '#/$defs/size' } },
      additionalProperties: {
        type: ['integer', 'string'],
        minimum: 0,
        pattern: templated,
        'x-expected': 'a whole number from 0',
      },
    },
    schemas: {
      description:
        'JSON Schemas (draft 2020-12) of parameter files: {params.yaml: params.schema.json}. The files are checked before the first command starts.',
      type: 'object',
      additionalProperties: { type: 'string', minLength: 1, 'x-expected': 'the path of a JSON Schema' },
    },
    cache: {
      description: 'The cache.',
      type: 'object',
      properties: {
        dir: {
          description: 'Cache folder, relative to the workspace root or absolute. Default: cache.',
          type: 'string',
          minLength: 1,
        },
        link: {
          description: 'How outs come out of the cache. Default: reflink, and where the file system has none, copy.',
          enum: ['reflink', 'copy', 'hardlink', 'symlink'],
        },
      },
      additionalProperties: false,
    },
    remotes: {
      description:
        'Shared caches by name: a URL, or {url, …}. Secrets come from the environment or the configuration of the user.',
      type: ['object', 'null'],
      'x-expected': 'a map',
      propertyNames: {
        pattern: remoteNamePattern,
        'x-expected': 'the name of a remote: letters, digits, _ and - only, starting with a letter',
      },
      additionalProperties: { $ref: '#/$defs/remote' },
    },
    params: { description: 'Accepted from dvc.yaml (parameter files to show).', type: 'array' },
    metrics: { description: 'Accepted from dvc.yaml (metric files to show).', type: 'array' },
    plots: { description: 'Accepted from dvc.yaml (plots to show).', type: ['array', 'object'] },
    artifacts: {
      description: 'Accepted from dvc.yaml (artifacts by name).',
      type: 'object',
      additionalProperties: { type: 'object' },
    },
    datasets: { description: 'Accepted from dvc.yaml.', type: 'array' },
  },
  patternProperties: { '^x-': { description: 'Anything: a place for YAML anchors.' } },
  additionalProperties: false,
  $defs: {
    vars: {
      description:
        'Variables for templates: maps, and names of files ("params.json", "params.json:key1,key2"). params.yaml is always loaded.',
      type: 'array',
      items: { type: ['string', 'object'], minLength: 1, 'x-expected': 'a map of variables, or the name of a file' },
    },
    size: {
      description: 'Bytes, or text such as "512M" or "4G" (powers of 1024).',
      type: ['integer', 'string'],
      minimum: 1,
      pattern: `${templated}|${sizePattern}`,
      'x-expected': 'bytes, or text such as "512M" or "4G"',
    },
    out: {
      type: ['string', 'object'],
      minLength: 1,
      minProperties: 1,
      additionalProperties: {
        type: ['object', 'null'],
        properties: outFlags,
        additionalProperties: false,
        'x-expected': 'a map of options',
      },
      'x-expected': 'a path, or {path: options}',
    },
    plot: {
      type: ['string', 'object'],
      minLength: 1,
      minProperties: 1,
      additionalProperties: {
        if: { type: 'array' },
        then: { type: 'array', items: { $ref: '#/$defs/plotOptions' } },
        else: { $ref: '#/$defs/plotOptions' },
      },
      'x-expected': 'a path, or {path: options}',
    },
    plotOptions: {
      type: ['object', 'null'],
      properties: { ...outFlags, ...plotFlags },
      additionalProperties: false,
      'x-expected': 'a map of options',
    },
    remote: {
      type: ['string', 'object'],
      minLength: 1,
      required: ['url'],
      'x-expected': 'a URL, or {url: …} with options',
      properties: {
        url: {
          description:
            's3://bucket/prefix, gs://bucket/prefix, azblob://container/prefix, webdav(s)://host/path, http(s)://host/path (read-only), or a path.',
          type: 'string',
          minLength: 1,
        },
        default: flag('Used where a command names no remote.'),
        push: flag('False: nothing is ever pushed there. Default: true.'),
        signing_key: {
          description: 'The environment variable that holds the key that run entries are signed and checked with.',
          type: 'string',
          minLength: 1,
        },
        endpoint: { description: 'URL of the service, where it is not the public one.', type: 'string', minLength: 1 },
        region: { description: 'Region of the bucket.', type: 'string', minLength: 1 },
        account: { description: 'Storage account (azblob).', type: 'string', minLength: 1 },
        ca: {
          description:
            'A file with the certificate (PEM) of the authority that the server is trusted by; relative to the workspace.',
          type: 'string',
          minLength: 1,
        },
        anonymous: flag('Send unsigned requests: for public buckets.'),
        virtual_host_style: flag('Address the bucket by host name (s3).'),
        jobs: {
          description: 'Transfers at a time. Default: 8.',
          type: ['integer', 'string'],
          minimum: 1,
          maximum: 256,
          pattern: templated,
          'x-expected': 'a whole number from 1 to 256',
        },
        timeout: {
          description: 'Seconds that a request may take, besides one for every 64 KiB that it moves. Default: 60.',
          type: ['integer', 'string'],
          minimum: 1,
          pattern: templated,
          'x-expected': 'whole seconds from 1',
        },
      },
    },
    stage: {
      type: 'object',
      if: { anyOf: [{ required: ['foreach'] }, { required: ['do'] }] },
      then: { $ref: '#/$defs/foreachStage' },
      else: { $ref: '#/$defs/plainStage' },
      'x-expected': 'a map that describes the stage',
    },
    foreachStage: {
      type: 'object',
      'x-expected': 'a map that describes the stage',
      description: 'One stage for every item of a list or a map.',
      properties: {
        foreach: {
          description:
            'A list, a map, or a template that gives one. `${item}` is the item; for a map `${key}` is its key.',
          type: ['array', 'object', 'string'],
          pattern: templated,
          'x-expected': 'a list, a map, or a template that gives one',
        },
        do: { $ref: '#/$defs/doStage' },
      },
      required: ['foreach', 'do'],
      additionalProperties: false,
    },
    doStage: {
      $ref: '#/$defs/plainStage',
      properties: { matrix: { not: {}, 'x-expected': 'no matrix below "do"; use foreach or matrix, not both' } },
    },
    plainStage: {
      type: 'object',
      properties: {
        matrix: {
          description: 'One stage for every combination: lists by name, used as `${item.name}`.',
          type: 'object',
          minProperties: 1,
          'x-expected': 'lists by name',
          additionalProperties: {
            type: ['array', 'string'],
            pattern: templated,
            'x-expected': 'a list, or a template that gives one',
          },
        },
        ...common,
      },
      required: ['cmd'],
      additionalProperties: false,
      'x-expected': 'a map that describes the stage',
    },
  },
} as const;
