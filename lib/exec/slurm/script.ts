// What runs on a node, in plain sh, since a node need not have anything else. Pure text; knows no controller.
//
// The batch script is one for all jobs of a batch. It finds the folder of its own job by its place in the array:
//   task        what this one is to do
//   claim       made by whoever is first, and says who: this job, or a runner that gives the job up before it has started. Whoever is late
//               does nothing, so that a job is executed once at most, whatever became of the answer to its submission.
//   out.<n>     the output of the n-th command
//   heart       `<beats> <peak KiB>`, while the commands run
//   revoked     made by the runner: nobody waits any more, end everything
//   overtime    made here: the time limit of the stage is over
// and, in the folder of ends when all is over: `<kind> <code> <command> <began> <ended> <peak KiB> <node> <job>`, a whole line or not yet.

export interface ScriptRequest {
  /** Absolute path of the batch's folder. */
  readonly folder: string;
  /** Absolute path of the folder where the end is announced. */
  readonly ends: string;
  readonly batch: string;
  /** Seconds between two beats. */
  readonly beat: number;
  /** Seconds between SIGTERM and SIGKILL. */
  readonly grace: number;
}

export interface TaskRequest {
  /** Absolute path of the job's folder. */
  readonly folder: string;
  readonly cwd: string;
  readonly cmd: readonly string[];
  /** Seconds that the commands may take together; null: no limit. */
  readonly timeout: number | null;
  /** Variables in which its environment differs from what it inherits; undefined: unset. */
  readonly env: readonly (readonly [name: string, value: string | undefined])[];
}

/** Marks the processes of a job on its node. */
const jobMarker = 'DAGRUN_JOB';

/** The kernel takes no single argument of 128 KiB or more: a longer command is read from a file of the job's folder. */
const longestArgument = 100_000;

/** Commands that have to be written as `<folder>/cmd.<n>`, by their position. */
export function longCommands(cmd: readonly string[]): readonly (readonly [position: number, text: string])[] {
  return cmd.flatMap((text, position) =>
    Buffer.byteLength(text) > longestArgument ? [[position, text] as const] : [],
  );
}

export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export function batchScript({ folder, ends, batch, beat, grace }: ScriptRequest): string {
  return `#!/bin/sh
place=\${SLURM_ARRAY_TASK_ID:-0}
id=\${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}\${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}
dir=${quote(folder)}/$place
ends=${quote(ends)}
token=${batch}.$place
beat=${beat}
grace=${grace}
${body}
`;
}

/** The batch script of a job that sees none of these folders: `command` does it all. */
export function remoteScript(command: string): string {
  return `#!/bin/sh\nexec ${command}\n`;
}

/** What the job does; read by the batch script once the job is claimed. */
export function taskScript({ folder, cwd, cmd, timeout, env }: TaskRequest): string {
  const long = new Set(longCommands(cmd).map(([position]) => position));
  const steps = cmd.map((text, position) =>
    long.has(position)
      ? `step ${position} /bin/sh ${quote(`${folder}/cmd.${position}`)}`
      : `step ${position} /bin/sh -c ${quote(text)}`,
  );
  const variables = env.map(([name, value]) =>
    value === undefined ? `unset ${name}` : `export ${name}=${quote(value)}`,
  );
  const limit = timeout === null ? '' : String(Math.ceil(timeout));
  return [
    `begin ${quote(limit)}`,
    ...variables,
    `cd ${quote(cwd)} || finish nowhere 1`,
    ...steps,
    'finish exit 0',
    '',
  ].join('\n');
}

// `read` is a builtin: a job of a tenth of a second must not spend as much again on starting programs.
const body = `
index=0
marker=${jobMarker}=$token.
heart=
asked=
clock() { read -r now rest </proc/uptime || now=$(date +%s); } 2>/dev/null
finish() {
  kind=$1
  [ -z "$asked" ] || kind=terminated
  [ ! -e "$dir/overtime" ] || kind=overtime
  [ ! -e "$dir/revoked" ] || kind=revoked
  # The watcher and its nap: a process that is left when this one ends costs Slurm a second.
  trap '' TERM
  read -r pid name state parent group rest </proc/$$/stat
  if [ "$group" = $$ ]; then kill -s TERM 0; else kill -s TERM $heart; fi
  wait
  read -r beats peak <"$dir/heart" || peak=0
  clock
  echo "$kind $2 $index $began $now \${peak:-0} \${SLURMD_NODENAME:-unknown} $id" >"$ends/$token"
  exit "$2"
} 2>/dev/null
clock
began=$now
set -C
if ! { echo "$id" >"$dir/claim"; } 2>/dev/null; then
  # Started a second time by Slurm itself; or another job has it, or nobody waits for it any more.
  read -r claimed <"$dir/claim" || claimed=
  [ "$claimed" != "$id" ] || finish requeued 1
  exit 0
fi 2>/dev/null
set +C
# Processes of the job are younger than this one, and so have greater numbers until these begin anew. With -l it names their files.
marked() {
  how=$1
  set --
  read -r one five fifteen count newest </proc/loadavg || newest=0
  for process in /proc/[0-9]*; do
    if [ "\${process#/proc/}" -gt $$ ] || [ "$newest" -lt $$ ]; then set -- "$@" "$process/environ"; fi
  done
  [ $# -gt 0 ] && grep "$how" -F "$marker" "$@"
} 2>/dev/null
signal() {
  for file in $(marked -l); do
    pid=\${file#/proc/}
    kill -s "$1" "\${pid%/environ}" 2>/dev/null
  done
}
gone() {
  tries=$1
  while marked -q; do
    [ "$tries" -gt 0 ] || return 1
    tries=$((tries - 1))
    sleep 0.1
  done
}
clear() {
  signal TERM
  signal CONT
  gone $((grace * 10)) || { signal KILL; gone 10; }
}
measure() {
  found=$(marked -l)
  [ -n "$found" ] || return 0
  now_kib=$(cat $(echo "$found" | sed 's/environ$/status/') 2>/dev/null |
    awk '/^VmHWM/ { if ($2 > most) most = $2 } /^VmRSS/ { sum += $2 } END { print (sum > most ? sum : most) + 0 }')
  [ "\${now_kib:-0}" -le "$peak" ] || peak=$now_kib
}
watch() {
  limit=$1
  peak=0
  beats=0
  pause=1
  lived=0
  while :; do
    [ -z "$limit" ] || [ $((limit - lived)) -ge "$pause" ] || pause=$((limit - lived))
    sleep "$pause"
    lived=$((lived + pause))
    beats=$((beats + 1))
    if [ -e "$dir/revoked" ]; then clear; break; fi
    if [ -n "$limit" ] && [ "$lived" -ge "$limit" ]; then : >"$dir/overtime"; clear; break; fi
    measure
    echo "$beats $peak" >"$dir/heart"
    pause=$((pause * 2))
    [ "$pause" -le "$beat" ] || pause=$beat
  done
}
# TERM ends the watcher at any moment of its life only if there was no trap when it was born.
begin() {
  watch "$1" </dev/null >/dev/null 2>&1 &
  heart=$!
  trap 'asked=1' TERM
}
step() {
  index=$1
  shift
  ${jobMarker}=$token. "$@" </dev/null >>"$dir/out.$index" 2>&1
  code=$?
  if ! gone 0; then
    if [ -z "$asked" ] && ! gone 10; then echo "dagrun: ended what the command left running" >>"$dir/out.$index"; fi
    clear
  fi
  [ "$code" -eq 0 ] && [ -z "$asked" ] && [ ! -e "$dir/overtime" ] && [ ! -e "$dir/revoked" ] || finish exit "$code"
}
unset SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID SLURM_ARRAY_TASK_COUNT SLURM_ARRAY_TASK_MAX SLURM_ARRAY_TASK_MIN SLURM_ARRAY_TASK_STEP
. "$dir/task"`;
