// `dagrun remote add | list | test`

import { chmodSync, existsSync } from 'node:fs';
import { writeFileAtomic, readTextIfExists } from '../core/disk.ts';
import { exitCodes, failure } from '../core/failure.ts';
import type { CommandFailure, ExitCode } from '../core/failure.ts';
import { err, messageOf, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { suggest } from '../core/suggest.ts';
import { parseAddress } from '../pipeline/address.ts';
import { addRemote } from '../pipeline/edit-remote.ts';
import type { NewRemote } from '../pipeline/edit-remote.ts';
import { refuseOption, refuseVariable, remoteNamePattern } from '../pipeline/remotes.ts';
import { locatePipeline } from '../run/locate.ts';
import { testRemote } from '../run/remote.ts';
import { chooseRemote, listRemotes } from '../run/remote-settings.ts';
import { userConfigPath } from '../run/user-config.ts';
import type { Command, Invocation } from './command.ts';
import { interruptible } from './interrupt.ts';
import { isSet, open, textOf } from './session.ts';

export const command: Command = {
  name: 'remote',
  args: 'add NAME URL | list | test [NAME]',
  summary:
    'add: writes a remote into the pipeline file, or with --user into your own configuration. list: the remotes that are\nknown. test: whether one can be reached, read and written to. Secrets come from the environment, see docs/remotes.md.',
  examples: [
    'dagrun remote add origin s3://bucket/prefix --default --region eu-central-1',
    'dagrun remote add disk /mnt/shared/cache --user',
    'dagrun remote test origin',
  ],
  arity: [1, 3],
  options: {
    default: { type: 'boolean', help: 'add: use it where a command names no remote' },
    user: { type: 'boolean', help: 'add: into your own configuration instead of the pipeline file' },
    endpoint: { type: 'string', value: 'URL', help: 'add: the service, where it is not the public one' },
    region: { type: 'string', value: 'NAME', help: 'add: region of the bucket' },
    account: { type: 'string', value: 'NAME', help: 'add: storage account (azblob)' },
    'signing-key': { type: 'string', value: 'VARIABLE', help: 'add: the variable that holds the key to sign with' },
    'no-push': { type: 'boolean', help: 'add: nothing is ever pushed there' },
    json: { type: 'boolean', help: 'list and test: as JSON' },
  },
  run,
};

const actions = { add, list, test } as const;

async function run(invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const [name, ...rest] = invocation.args;
  if (name !== 'add' && name !== 'list' && name !== 'test') {
    const near = suggest(name!, Object.keys(actions));
    return usage(
      `there is no \`dagrun remote ${name!}\``,
      near === undefined ? 'add, list or test' : `did you mean \`dagrun remote ${near}\`?`,
    );
  }
  const most = { add: 2, list: 0, test: 1 }[name];
  if (rest.length > most) return usage(`"${rest[most]!}" is one argument too many`);
  const foreign = ['default', 'user', 'endpoint', 'region', 'account', 'signing-key', 'no-push'].find(
    (flag) => name !== 'add' && invocation.flags[flag] !== undefined,
  );
  if (foreign !== undefined) return usage(`--${foreign} goes with \`dagrun remote add\``);
  return actions[name](invocation, rest);
}

function usage(message: string, hint = '`dagrun remote --help` shows how it is used'): Result<never, CommandFailure> {
  return err(failure('usage', { message, hint }));
}

async function add(invocation: Invocation, rest: readonly string[]): Promise<Result<ExitCode, CommandFailure>> {
  const [name, url] = rest;
  if (name === undefined || url === undefined) return usage('`dagrun remote add` needs a name and a URL');
  if (!new RegExp(remoteNamePattern).test(name))
    return usage(`"${name}" is no name for a remote`, 'letters, digits, _ and - only, starting with a letter');
  const address = parseAddress(url);
  if (!address.ok) return usage(address.error.message, address.error.hint);
  const refused = refuseFields(invocation);
  if (refused !== undefined) return refused;
  const place = placeOf(invocation);
  if (!place.ok) return place;
  const { path, shown } = place.value;
  try {
    const edited = addRemote(readTextIfExists(path) ?? '', shown, name, fieldsOf(invocation, url));
    if (!edited.ok) return err(failure('configuration', edited.error));
    const existed = existsSync(path);
    writeFileAtomic(path, edited.value, { durable: true });
    // It is the place for secrets, should there be any later.
    if (isSet(invocation, 'user') && !existed) chmodSync(path, 0o600);
  } catch (error) {
    return err(failure('storage', { message: `cannot write ${shown}: ${messageOf(error)}` }));
  }
  invocation.io.stdout.write(`added remote ${name} to ${shown}\n`);
  return Promise.resolve(ok(exitCodes.done));
}

/** What would be written and then be refused by every other command. */
function refuseFields(invocation: Invocation): Result<never, CommandFailure> | undefined {
  for (const key of ['endpoint', 'region', 'account'] as const) {
    const value = textOf(invocation, key);
    const refused = value === undefined ? undefined : value === '' ? 'it is empty' : refuseOption(key, value);
    if (refused !== undefined) return usage(`--${key}: ${refused}`);
  }
  const key = textOf(invocation, 'signing-key');
  const refused = key === undefined ? undefined : refuseVariable(key);
  return refused === undefined ? undefined : usage(`--signing-key: ${refused.message}`, refused.hint);
}

function placeOf(invocation: Invocation): Result<{ readonly path: string; readonly shown: string }, CommandFailure> {
  if (isSet(invocation, 'user')) {
    const path = userConfigPath(invocation.io.environment);
    return ok({ path, shown: path });
  }
  const located = locatePipeline(invocation.cwd, invocation.file);
  if (!located.ok) return located;
  return ok({ path: `${located.value.root}/${located.value.file}`, shown: located.value.file });
}

function fieldsOf(invocation: Invocation, url: string): NewRemote {
  const fields: Record<string, string | boolean> = { url };
  if (isSet(invocation, 'default')) fields['default'] = true;
  if (isSet(invocation, 'no-push')) fields['push'] = false;
  for (const key of ['endpoint', 'region', 'account', 'signing-key'] as const) {
    const value = textOf(invocation, key);
    if (value !== undefined) fields[key.replace('-', '_')] = value;
  }
  return fields;
}

async function list(invocation: Invocation): Promise<Result<ExitCode, CommandFailure>> {
  const project = await open(invocation);
  if (!project.ok) return project;
  const remotes = await listRemotes(project.value);
  if (!remotes.ok) return remotes;
  const shown = remotes.value.map(({ name, url, isDefault, push, signingKey, from }) => ({
    name,
    url,
    default: isDefault,
    push,
    signed: signingKey !== undefined,
    from,
  }));
  const { stdout } = invocation.io;
  if (isSet(invocation, 'json')) {
    stdout.write(`${JSON.stringify({ remotes: shown })}\n`);
    return ok(exitCodes.done);
  }
  if (shown.length === 0) stdout.write('no remotes; `dagrun remote add NAME URL` adds one\n');
  for (const remote of shown) {
    const notes = [
      remote.default ? 'default' : '',
      remote.push ? '' : 'never pushed to',
      remote.signed ? 'signed' : '',
      remote.from === 'user' ? 'yours' : '',
    ].filter(Boolean);
    stdout.write(`${remote.name}  ${remote.url}${notes.length === 0 ? '' : `  (${notes.join(', ')})`}\n`);
  }
  return ok(exitCodes.done);
}

async function test(invocation: Invocation, [name]: readonly string[]): Promise<Result<ExitCode, CommandFailure>> {
  const project = await open(invocation);
  if (!project.ok) return project;
  const access = await chooseRemote(project.value, name, '`dagrun remote test NAME`');
  if (!access.ok) return access;
  const done = await interruptible((signal) => testRemote(access.value, signal));
  if (!done.ok) return done;
  const { fresh, writable, latency } = done.value;
  const { stdout } = invocation.io;
  if (isSet(invocation, 'json')) stdout.write(`${JSON.stringify({ remote: access.value.name, ...done.value })}\n`);
  else
    stdout.write(
      `${access.value.name} can be reached (${latency.toFixed(0)} ms), read${writable ? ' and written to' : ''}${fresh ? '; nothing was pushed there yet' : ''}\n`,
    );
  return ok(exitCodes.done);
}
