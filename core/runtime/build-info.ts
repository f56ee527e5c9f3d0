/**
 * What this build is: the version of package.json and the commit that the build script compiled in.
 */
import { version as packageVersion } from '../../package.json' with { type: 'json' }

/** Set by `cli/build.ts`; not defined when the sources run uncompiled. */
declare const CLUSTER_COMMIT: string | undefined

export interface BuildInfo {
  /** Our own version, `major.minor.patch`; what Go peers are told is another matter (`spec/cli.md §4`). */
  readonly version: string
  /** The short commit hash, with `-dirty` when files differed from it; `source` when not compiled. */
  readonly commit: string
}

export const buildInfo: BuildInfo = {
  version: packageVersion,
  commit: typeof CLUSTER_COMMIT === 'undefined' ? 'source' : CLUSTER_COMMIT,
}
