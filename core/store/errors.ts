/** Errors of the store. */

/** The store was closed, or is being closed. */
export class StoreClosedError extends Error {
  override readonly name = 'StoreClosedError'
  constructor() {
    super('the store is closed; start the peer again')
  }
}

/** More changes wait than the queue holds. */
export class StoreBusyError extends Error {
  override readonly name = 'StoreBusyError'
  constructor(waiting: number, limit: number) {
    super(
      `the store cannot take the request: ${waiting} changes wait for the disk and at most ${limit} may; ` +
        'send fewer at once, or try again in a moment',
    )
  }
}

/** The disk, or the quota on it, is full. Nothing of the request was stored. */
export class StoreFullError extends Error {
  override readonly name = 'StoreFullError'
  readonly path: string
  constructor(path: string) {
    super(`no space left to write ${path}: nothing was stored; free some space and try again`)
    this.path = path
  }
}

/** The file cannot be written or read for another reason than a full disk. */
export class StoreFailedError extends Error {
  override readonly name = 'StoreFailedError'
  constructor(path: string, cause: string) {
    super(`the store ${path} failed: ${cause}; see that the disk is well, then run "cluster state check"`)
  }
}

/** Tables that contradict each other. */
export class StoreDamagedError extends Error {
  override readonly name = 'StoreDamagedError'
  readonly problem: string
  constructor(problem: string) {
    super(
      `the store is damaged: ${problem}; stop the peer and run "cluster state check", then "cluster state rebuild"`,
    )
    this.problem = problem
  }
}

/** A check was ended because it kept the log of the store from being emptied. */
export class CheckOvertakenError extends Error {
  override readonly name = 'CheckOvertakenError'
  constructor(path: string) {
    super(
      `the check of ${path} was ended, as the peer has written more meanwhile than the log may hold for it; ` +
        'run it again without a pause and while less is written, or stop the peer first',
    )
  }
}

/** Another process works on the folder. */
export class StoreLockedError extends Error {
  override readonly name = 'StoreLockedError'
  constructor(path: string, pid: number | undefined) {
    const holder = pid === undefined ? 'another process' : `process ${pid}`
    super(`${path} is held by ${holder}: a peer runs on this folder already; stop it, or use another folder`)
  }
}

/** The lock file is there and is not one of ours. */
export class LockFileError extends Error {
  override readonly name = 'LockFileError'
  constructor(path: string, cause: string) {
    const advice = /readonly|read-only|EROFS|EACCES|EPERM|permission denied/i.test(cause)
      ? 'this user must be able to write into the folder: run as its owner, or have the folder on a disk that can be written'
      : 'see that no peer runs on this folder, then delete the file'
    super(`${path} cannot be used as a lock (${cause}); ${advice}`)
  }
}

/** The store was written by a newer program, or needs a step up that a reader may not make. */
export class StoreVersionError extends Error {
  override readonly name = 'StoreVersionError'
  constructor(path: string, found: number, known: number) {
    const next =
      found > known
        ? 'use the cluster version that wrote it, or a newer one'
        : 'start the peer once, so that it is brought up to date'
    super(`${path} has schema version ${found} and this program works with version ${known}; ${next}`)
  }
}

/** There is no store to read. */
export class StoreMissingError extends Error {
  override readonly name = 'StoreMissingError'
  constructor(path: string) {
    super(`there is no store at ${path}; start the peer once with "cluster daemon", or check the folder`)
  }
}

/** The store tracks the duties of another peer. */
export class StoreOwnerError extends Error {
  override readonly name = 'StoreOwnerError'
  constructor(path: string, owner: string, self: string) {
    super(
      `${path} keeps the duties of peer ${owner}, and this peer is ${self}; give back the identity.json it was ` +
        'made with, or run "cluster state rebuild" to make it this peer\'s',
    )
  }
}

/** A block that must not be merged; the whole request was left out. */
export class BlockRefusedError extends Error {
  override readonly name = 'BlockRefusedError'
  readonly cid: string
  readonly problem: string
  constructor(cid: string, problem: string) {
    super(`block ${cid} was not merged: ${problem}`)
    this.cid = cid
    this.problem = problem
  }
}

/** The change log no longer reaches back to the position. */
export class ChangesGoneError extends Error {
  override readonly name = 'ChangesGoneError'
  readonly oldest: number
  constructor(after: number, oldest: number) {
    super(
      `changes after ${after} were dropped; the oldest kept is ${oldest}: read the whole list again, then follow`,
    )
    this.oldest = oldest
  }
}

/** A cursor that no page gave out. */
export class CursorError extends Error {
  override readonly name = 'CursorError'
  constructor(cursor: string) {
    super(`cursor ${JSON.stringify(cursor.slice(0, 80))} is not one that a page gave; start without a cursor`)
  }
}
