// Synthetic pipelines, described once for every tool. Knows nothing of any tool's file format (see dialects.mjs).

/**
 * One stage: `cmd` runs in the pipeline's folder, reads `deps` (and all of `folder`) and writes `out`.
 * `{param}` in `cmd` stands for the stage's parameter.
 * @typedef {{ name: string, cmd: string, deps: string[], folder?: string, after: string[], out: string, param?: string, expected: string }} Stage
 */
/**
 * `files` yields every source file, `[path, bytes]`; `folders` lists the files of each folder dep.
 * @typedef {{ stages: Stage[], files: () => Iterable<[string, string | Buffer]>, folders: Record<string, () => string[]> }} Shape
 */

/** Every command adds its stage's name to this file, which no tool tracks: its length counts the commands that ran. */
export const SIDE_LOG = '../log';

/** @param {string} command @param {string} name @param {boolean} logged */
const logging = (command, name, logged) => (logged ? `${command} && echo ${name} >> ${SIDE_LOG}` : command);

/**
 * A stage that copies its first dep.
 * @param {string} name @param {string[]} deps @param {string[]} after @param {string} expected @param {{ logged: boolean }} options
 * @returns {Stage}
 */
function copyStage(name, deps, after, expected, options = { logged: true }) {
  const out = `out/${name}.txt`;
  return { name, cmd: logging(`cp ${deps[0]} ${out}`, name, options.logged), deps, after, out, expected };
}

/** The source files of stages that read `src/…`: each holds its own path. @param {Stage[]} stages */
function* sourcesOf(stages) {
  for (const stage of stages) {
    for (const dep of stage.deps) if (dep.startsWith('src/')) yield /** @type {[string, string]} */ ([dep, `${dep}\n`]);
  }
}

/** @param {Stage[]} stages @returns {Shape} */
const shapeOf = (stages) => ({ stages, files: () => sourcesOf(stages), folders: {} });

/** @param {number} count @param {{ logged: boolean }} [options] */
export function independent(count, options) {
  const one = (/** @type {number} */ i) => copyStage(`s${i}`, [`src/s${i}.txt`], [], `src/s${i}.txt\n`, options);
  return shapeOf(Array.from({ length: count }, (_, i) => one(i)));
}

/** @param {number} count stages, each with `width` files of its own as deps @param {number} width */
export function manyDeps(count, width) {
  const deps = (/** @type {number} */ i) => Array.from({ length: width }, (_, j) => `src/s${i}/${j}.txt`);
  return shapeOf(Array.from({ length: count }, (_, i) => copyStage(`s${i}`, deps(i), [], `src/s${i}/0.txt\n`)));
}

/** @param {number} length */
export function chain(length) {
  const stages = [copyStage('s0', ['src/s0.txt'], [], 'src/s0.txt\n')];
  for (let i = 1; i < length; i++)
    stages.push(copyStage(`s${i}`, [`out/s${i - 1}.txt`], [`s${i - 1}`], 'src/s0.txt\n'));
  return shapeOf(stages);
}

/** `count` stages in `depth` layers; each stage reads two outs of the layer above. @param {number} count @param {number} depth */
export function layers(count, depth) {
  const width = count / depth;
  const stages = Array.from({ length: width }, (_, j) => copyStage(`s${j}`, [`src/s${j}.txt`], [], `src/s${j}.txt\n`));
  for (let i = width; i < count; i++) {
    const above = i - (i % width) - width;
    const after = [`s${above + (i % width)}`, `s${above + ((i + 1) % width)}`];
    stages.push(
      copyStage(
        `s${i}`,
        after.map((name) => `out/${name}.txt`),
        after,
        `src/s${i % width}.txt\n`,
      ),
    );
  }
  return shapeOf(stages);
}

/** One stage with one folder of `count` files, 1,000 in a subfolder. @param {number} count @param {number} bytes size of each file */
export function folder(count, bytes) {
  const path = (/** @type {number} */ i) => `src/big/${String(Math.floor(i / 1000)).padStart(4, '0')}/${i}.txt`;
  const paths = () => Array.from({ length: count }, (_, i) => path(i));
  const filling = 'x'.repeat(Math.max(0, bytes - 8));
  const cmd = logging('find src/big -type f | wc -l > out/s0.txt', 's0', true);
  return /** @type {Shape} */ ({
    stages: [{ name: 's0', cmd, deps: [], folder: 'src/big', after: [], out: 'out/s0.txt', expected: `${count}\n` }],
    *files() {
      for (let i = 0; i < count; i++) yield [path(i), String(i).padStart(8) + filling];
    },
    folders: { 'src/big': paths },
  });
}

/** One stage with one file of `bytes` as its dep. @param {number} bytes */
export function bigFile(bytes) {
  const cmd = logging('wc -c < src/big.bin > out/s0.txt', 's0', true);
  return /** @type {Shape} */ ({
    stages: [{ name: 's0', cmd, deps: ['src/big.bin'], after: [], out: 'out/s0.txt', expected: `${bytes}\n` }],
    *files() {
      const block = Buffer.alloc(bytes);
      for (let i = 0; i + 4 <= bytes; i += 4096) block.writeUInt32LE(Math.imul(i + 1, 2654435761) >>> 0, i);
      yield ['src/big.bin', block];
    },
    folders: {},
  });
}

/**
 * The pipeline of the change matrix. a → b → c is a chain of which only the first line of `src/a.txt` matters,
 * d reads a folder, p takes a parameter. What the outs must hold is computed in changes.mjs, not taken from a tool.
 * @returns {Shape}
 */
export function changesPipeline() {
  const stage = (/** @type {string} */ name, /** @type {string} */ command, /** @type {Partial<Stage>} */ rest) => ({
    name,
    cmd: logging(`${command} > out/${name}.txt`, name, true),
    deps: [],
    after: [],
    out: `out/${name}.txt`,
    expected: '',
    ...rest,
  });
  return {
    stages: [
      stage('a', 'head -n 1 src/a.txt', { deps: ['src/a.txt'] }),
      stage('b', 'sed s/^/b:/ out/a.txt', { deps: ['out/a.txt'], after: ['a'] }),
      stage('c', 'sed s/^/c:/ out/b.txt', { deps: ['out/b.txt'], after: ['b'] }),
      stage('d', 'cat src/dir/*.txt', { folder: 'src/dir' }),
      stage('p', 'sed s/^/{param}:/ src/p.txt', { deps: ['src/p.txt'], param: 'one' }),
    ],
    files: () => [
      ['src/a.txt', 'first\n'],
      ['src/p.txt', 'p\n'],
      ['src/dir/1.txt', '1\n'],
      ['src/dir/2.txt', '2\n'],
    ],
    folders: { 'src/dir': () => ['src/dir/1.txt', 'src/dir/2.txt'] },
  };
}
