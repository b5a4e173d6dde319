// What runs on a node, in plain sh, since a node need not have anything else. Pure text; knows no controller.
//
// The batch script is one for all jobs of a batch, and they share a folder. A job knows its files by its place in the array:
//   claim.<place>      made by whoever is first, and says who: this job, or a runner that gives the job up before it has started. Whoever is
//                      late does nothing, so that a job is executed once at most, whatever became of the answer to its submission.
//   out.<place>.<n>    the output of the n-th command
//   heart.<place>      `<beats> <peak KiB>`, while the commands run
//   revoked.<place>    made by the runner: nobody waits any more, end everything
//   overtime.<place>   made here: the time limit of the stage is over
//   slurm.<place>      what Slurm itself has to say, and a shell that fails
// What each is to do lies in files for several jobs:
//   tasks.<n>
//   cmd.<place>.<n>    a command that is too long to be an argument
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

/** Jobs whose tasks are in one file: each reads those of all of them. */
const tasksTogether = 16;

function isLong(command: string): boolean {
  return Buffer.byteLength(command) > longestArgument;
}

export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export function batchScript({ folder, ends, batch, beat, grace }: ScriptRequest): string {
  return `#!/bin/sh
_place=\${SLURM_ARRAY_TASK_ID:-0}
_id=\${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}\${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}
_job=\${SLURM_JOB_ID:-0}
_dir=${quote(folder)}
_ends=${quote(ends)}
_token=${batch}.$_place
_beat=${beat}
_grace=${grace}
${body}
`;
}

/** The batch script of a job that sees none of these folders: `command` does it all. */
export function remoteScript(command: string): string {
  return `#!/bin/sh\nexec ${command}\n`;
}

/** What the jobs of a batch do: files of its folder. A job reads its own once it is claimed. */
export function taskFiles(tasks: readonly TaskRequest[]): readonly (readonly [name: string, text: string])[] {
  const branches = tasks.map((task, place) => `${place})\n${taskText(task, place)};;\n`);
  const files = Array.from({ length: Math.ceil(tasks.length / tasksTogether) }, (_, n) => {
    const together = branches.slice(n * tasksTogether, (n + 1) * tasksTogether);
    return [`tasks.${n}`, `case $_place in\n${together.join('')}esac\n`] as const;
  });
  const long = tasks.flatMap(({ cmd }, place) =>
    cmd.flatMap((text, n) => (isLong(text) ? [[`cmd.${place}.${n}`, text] as const] : [])),
  );
  return [...files, ...long];
}

function taskText({ cwd, cmd, timeout, env }: TaskRequest, place: number): string {
  const steps = cmd.map((text, n) =>
    isLong(text) ? `step ${n} /bin/sh "$_dir/cmd.${place}.${n}"` : `step ${n} /bin/sh -c ${quote(text)}`,
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

// Variables begin with `_`, since one that a job inherits from its user's environment would be passed on to the commands with another value.
// `read` is a builtin: a job of a tenth of a second must not spend as much again on starting programs.
const body = `
_index=0
_marker=${jobMarker}=$_token.
_heart=
_asked=
clock() { read -r _now _rest </proc/uptime || _now=$(date +%s); } 2>/dev/null
finish() {
  _kind=$1
  [ -z "$_asked" ] || _kind=terminated
  [ ! -e "$_dir/overtime.$_place" ] || _kind=overtime
  [ ! -e "$_dir/revoked.$_place" ] || _kind=revoked
  # The watcher and its nap: a process that is left when this one ends costs Slurm a second.
  trap '' TERM
  kill -TERM -$$ || kill -s TERM $_heart
  wait
  read -r _beats _peak <"$_dir/heart.$_place" || _peak=0
  clock
  echo "$_kind $2 $_index $_began $_now \${_peak:-0} \${SLURMD_NODENAME:-unknown} $_id" >"$_ends/$_token"
  exit "$2"
} 2>/dev/null
clock
_began=$_now
set -C
if ! { echo "$_id" >"$_dir/claim.$_place"; } 2>/dev/null; then
  # Started a second time by Slurm itself; or another job has it, or nobody waits for it any more.
  read -r _claimed <"$_dir/claim.$_place" || _claimed=
  [ "$_claimed" != "$_id" ] || finish requeued 1
  exit 0
fi 2>/dev/null
set +C
# Whether who is younger than this process has a number between its own and the newest: until they begin anew. After some seconds they may
# have come round to its own once more.
grown() {
  clock
  read -r _one _five _fifteen _count _newest </proc/loadavg || return 1
  [ "$_newest" -ge $$ ] && [ $((\${_now%.*} - \${_began%.*})) -lt 3 ]
}
# True where certainly nothing is left. Who loses its parent becomes a child of the first process, or of one between that and this one; who
# was born as its parent's sibling may be a child of this one. The only young ones there may be daemons of other jobs' steps; one that is
# dead has outlived its step. Who is in a list may be missed only if one that stands before it goes meanwhile.
none() {
  _some=
  read -r _some </proc/$$/task/$$/children
  [ "$_some" = "$_heart" ] || return 1
  _children=
  set -- /proc/$PPID/task/*/children /proc/1/task/*/children
  for _file; do
    _some=
    read -r _some <"$_file"
    _children="$_children $_some "
  done
  grown || return 1
  for _file; do [ -e "$_file" ] || return 1; done
  case $_children in *" $$ "*" $PPID "*) ;; *) return 1 ;; esac
  for _pid in $_children; do
    [ -e "/proc/$_pid" ] || return 1
    [ "$_pid" -gt $$ ] && [ "$_pid" -le "$_newest" ] || continue
    _title=
    read -r _title <"/proc/$_pid/cmdline"
    [ -n "$_title" ] || read -r _title <"/proc/$_pid/comm"
    case $_title in
      "slurmstepd: [$_job"[.+]*) return 1 ;;
      "slurmstepd: ["* | */slurmstepd | slurmstepd) ;;
      *) return 1 ;;
    esac
  done
} 2>/dev/null
# The environments of all processes of the job, and of others: the numbers of those that are younger than this one begin with what its own
# and the newest one have in common.
marked() {
  _numbers=$$
  grown && [ \${#_newest} -eq \${#_numbers} ] || _newest=
  while :; do
    case $_newest in "$_numbers"*) break ;; esac
    _numbers=\${_numbers%?}
  done
  LC_ALL=C grep -s "$1" -F "$_marker" /proc/\${_numbers:-[1-9]}*/environ
} 2>/dev/null
signal() {
  for _file in $(marked -l); do
    _pid=\${_file#/proc/}
    kill -s "$1" "\${_pid%/environ}" 2>/dev/null
  done
}
gone() {
  _tries=$1
  # Twice: a process has no environment for the moment in which it changes its program.
  while ! none && { marked -q || marked -q; }; do
    [ "$_tries" -gt 0 ] || return 1
    _tries=$((_tries - 1))
    sleep 0.1
  done
}
clear() {
  signal TERM
  signal CONT
  gone $((_grace * 10)) || { signal KILL; gone 10; }
}
measure() {
  _found=$(marked -l)
  [ -n "$_found" ] || return 0
  _now_kib=$(cat $(echo "$_found" | sed 's/environ$/status/') 2>/dev/null |
    awk '/^VmHWM/ { if ($2 > most) most = $2 } /^VmRSS/ { sum += $2 } END { print (sum > most ? sum : most) + 0 }')
  [ "\${_now_kib:-0}" -le "$_peak" ] || _peak=$_now_kib
}
watch() {
  # Nobody else would wait for its nap, and the first process of the machine may be slow to do so.
  _napping=
  trap '[ -z "$_napping" ] || kill -s KILL $!; wait; exit' TERM
  _limit=$1
  _peak=0
  _beats=0
  _pause=1
  _lived=0
  while :; do
    [ -z "$_limit" ] || [ $((_limit - _lived)) -ge "$_pause" ] || _pause=$((_limit - _lived))
    _napping=1
    LC_ALL=C sleep "$_pause" &
    wait
    _napping=
    _lived=$((_lived + _pause))
    _beats=$((_beats + 1))
    if [ -e "$_dir/revoked.$_place" ]; then clear; break; fi
    # Nobody waits any more, and the word of it is gone too: a node may have stood still meanwhile. Ends are announced there for as long as the
    # file system is.
    if [ ! -e "$_dir/claim.$_place" ] && [ -d "$_ends" ]; then clear; break; fi
    if [ -n "$_limit" ] && [ "$_lived" -ge "$_limit" ]; then : >"$_dir/overtime.$_place"; clear; break; fi
    measure
    echo "$_beats $_peak" >"$_dir/heart.$_place"
    _pause=$((_pause * 2))
    [ "$_pause" -le "$_beat" ] || _pause=$_beat
  done
}
# TERM ends the watcher at any moment of its life only if there was no trap when it was born.
begin() {
  watch "$1" </dev/null >/dev/null 2>&1 &
  _heart=$!
  trap '_asked=1' TERM
}
step() {
  _index=$1
  shift
  ${jobMarker}=$_token. "$@" </dev/null >>"$_dir/out.$_place.$_index" 2>&1
  _code=$?
  if ! gone 0; then
    if [ -z "$_asked" ] && ! gone 10; then echo "dagrun: ended what the command left running" >>"$_dir/out.$_place.$_index"; fi
    clear
  fi
  [ "$_code" -eq 0 ] && [ -z "$_asked" ] && [ ! -e "$_dir/overtime.$_place" ] && [ ! -e "$_dir/revoked.$_place" ] || finish exit "$_code"
}
unset SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID SLURM_ARRAY_TASK_COUNT SLURM_ARRAY_TASK_MAX SLURM_ARRAY_TASK_MIN SLURM_ARRAY_TASK_STEP
. "$_dir/tasks.$((_place / ${tasksTogether}))"`;
