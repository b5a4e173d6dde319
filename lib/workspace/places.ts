// Keys by the place that they speak of, so that a change at a place finds all that it concerns: what lies there, around it and inside it.
// Without it each of a thousand restored outs would be compared with every path that was ever looked at.

interface Folder {
  keys: string[];
  readonly inner: Map<string, Folder>;
}

export class Places {
  readonly #root: Folder = { keys: [], inner: new Map() };

  /** `place`: an absolute path without `.` and `..`. */
  add(place: string, key: string): void {
    let folder = this.#root;
    for (const name of namesOf(place)) {
      let inner = folder.inner.get(name);
      if (inner === undefined) folder.inner.set(name, (inner = { keys: [], inner: new Map() }));
      folder = inner;
    }
    folder.keys.push(key);
  }

  /** Takes out the keys of the place, of the folders around it and of everything inside it. */
  take(place: string): string[] {
    const taken: string[] = [];
    let folder: Folder | undefined = this.#root;
    for (const name of namesOf(place)) {
      empty(folder, taken);
      folder = folder.inner.get(name);
      if (folder === undefined) return taken;
    }
    const open = [folder];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      empty(next, taken);
      open.push(...next.inner.values());
    }
    folder.inner.clear();
    return taken;
  }
}

function namesOf(place: string): string[] {
  return place.split('/').filter((name) => name !== '');
}

function empty(folder: Folder, into: string[]): void {
  into.push(...folder.keys);
  folder.keys = [];
}
