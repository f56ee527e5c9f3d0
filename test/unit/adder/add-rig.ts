/** Adds into a map of blocks, and hands out what was said, stored and pinned. */
import type { AddedOutput, AddParameters, UploadPart } from '../../../core/adder/add.ts'
import { type AdderInit, createAdder } from '../../../core/adder/adder.ts'
import { defaultPinOptions } from '../../../core/pin/options.ts'
import { silentLogger } from '../api/silent-runtime.ts'

export const self = '12D3KooWPu3hgXkV9VBtsuJ3FSA59QAv6h6cCMfEVxQCQQsa68RY'

export const defaultParameters: AddParameters = {
  pin: defaultPinOptions(),
  format: 'unixfs',
  layout: 'balanced',
  chunker: 'size-262144',
  hash: 'sha2-256',
  cidVersion: 0,
  rawLeaves: false,
  wrapWithDirectory: false,
  shard: false,
  local: false,
  progress: false,
  noPin: false,
  nocopy: false,
}

export interface Added {
  outputs: AddedOutput[]
  /** Of the last line. */
  root: string
  blocks: Map<string, Uint8Array>
  pinned: string[]
  /** What the add ended with. */
  error?: Error
}

export async function add(
  parts: AsyncIterable<UploadPart> | UploadPart[],
  parameters: Partial<AddParameters> = {},
  init: Partial<AdderInit> = {},
): Promise<Added> {
  const added: Added = { outputs: [], root: '', blocks: new Map(), pinned: [] }
  const adder = createAdder({
    self,
    allocate: async () => [self],
    sinkFor: () => ({
      async put(blocks) {
        for await (const { cid, bytes } of blocks) added.blocks.set(cid.toString(), bytes)
      },
    }),
    async pin(root) {
      added.pinned.push(root.toString())
    },
    logger: silentLogger,
    ...init,
  })
  async function* all() {
    yield* parts
  }
  try {
    for await (const output of adder.add(all(), { ...defaultParameters, ...parameters })) {
      added.outputs.push(output)
      added.root = output.cid?.toString() ?? added.root
    }
  } catch (error) {
    added.error = error as Error
  }
  return added
}

/** A file that comes in pieces of `pieceLength` bytes. */
export function file(path: string, content: Uint8Array | string, pieceLength = 65_521): UploadPart {
  const bytes = Buffer.from(content)
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += pieceLength) yield bytes.subarray(at, at + pieceLength)
  }
  return { kind: 'file', path, content: pieces() }
}
