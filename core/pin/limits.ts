/**
 * Bounds of what a pin may hold. Input of users and imported pins are refused beyond them, with the bound in the
 * message; pins that other peers wrote are only bounded by the size of a block (`core/crdt/limits.ts`).
 */

/** Bytes of a CID; room for identity hashes of small blocks. */
export const MAX_CID_BYTES = 512

/** Characters of a CID's text. */
export const MAX_CID_TEXT = 1024

/** Bytes of a peer ID's multihash. Ed25519 IDs have 38, RSA IDs 34. */
export const MAX_PEER_ID_BYTES = 128

/** UTF-8 bytes of a name. */
export const MAX_NAME_BYTES = 4096

/** Metadata entries of one pin. */
export const MAX_METADATA_KEYS = 1000

/** UTF-8 bytes of all metadata keys and values of one pin together. */
export const MAX_METADATA_BYTES = 64 * 1024

/** Origins of one pin. At most 10 are used when pinning (`spec/behaviour.md` §1.9). */
export const MAX_ORIGINS = 100

/** Characters of a multiaddr. */
export const MAX_MULTIADDR_TEXT = 1024

/** Peers in the allocations, or in the user allocations, of one pin. */
export const MAX_ALLOCATIONS = 1000

/** Bytes of a stored pin that is read; no block can carry more. */
export const MAX_PIN_BYTES = 4 * 1024 * 1024
