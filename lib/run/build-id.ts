// Which build of dagrun this is: the version, and a digest of the sources that the build script puts in.

declare const __DAGRUN_BUILD__: string | undefined;

/** Null where the sources run without having been built: then nothing that another build could misread is kept. */
export const buildId: string | null = typeof __DAGRUN_BUILD__ === 'string' ? __DAGRUN_BUILD__ : null;
