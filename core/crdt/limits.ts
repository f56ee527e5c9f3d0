/** Bounds of the replicated pinset. Reading takes all that Go peers can have exchanged; writing stays well below. */

/** Bytes of a block that is read: a bitswap message carries no more (`spec/wire.md` §3.8). */
export const MAX_BLOCK_BYTES = 4 * 1024 * 1024

/** Elements and tombstones of a delta that is read. A pin takes more than 100 bytes, so 4 MiB hold fewer. */
export const MAX_DELTA_ENTRIES = 65_536

/** Highest priority that is read. More than any DAG can reach; what is stored stays a signed 64-bit integer. */
export const MAX_PRIORITY = 2n ** 63n - 1n

/**
 * Highest priority that a block may have whatever it builds on; a higher one has at most 1 + the highest of its parents, as
 * all that is written by the rules has. One block at the end of the range would leave no priority for the next one. Below
 * this, what Go merges is merged here too.
 */
export const MAX_FREE_PRIORITY = 2n ** 48n

/** Bytes of the encoded delta at which a delta that we write closes. */
export const DELTA_BYTES = 512 * 1024

/** Puts and deletes at which a delta that we write closes. */
export const DELTA_OPERATIONS = 1000

/** Heads that one block of ours joins; heads beyond it wait for the next block. */
export const MAX_PARENTS = 4096

/** Bytes of a pubsub message with heads: what the router lets through (`spec/wire.md` §2.2). */
export const MAX_BROADCAST_BYTES = 1024 * 1024

/** Heads in one broadcast that we send, 160 KiB; more heads make more messages. */
export const MAX_BROADCAST_HEADS = 4096

/** Blocks that a walk asks for at a time. */
export const MAX_WANTS = 32

/**
 * Times that a block is asked for in vain, 5 s apart and more, before it is looked whether anybody still announces it, or
 * what builds on it. Who has that does so each minute.
 */
export const MAX_TRIES = 60

/**
 * Blocks that a walk keeps track of, about 250 bytes each: those of a history that is not closed yet. The deepest known
 * has 500,000.
 */
export const MAX_WALK_BLOCKS = 1_000_000

/** Refused blocks that a walk remembers, so as not to fetch them with each announcement. */
export const MAX_REFUSED_BLOCKS = 4096
