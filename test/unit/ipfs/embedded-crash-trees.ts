/** Content that follows from a number, the same in every process. */
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import type { IpfsBlock } from '../../../core/runtime/ipfs.ts'

/** A folder of small and large blocks; neighbours share some of them. */
export async function crashTree(number: number): Promise<{ root: CID; blocks: IpfsBlock[] }> {
  const sizes = [100, 5_000, 40_000, 200_000]
  const leaves = await Promise.all(
    sizes.map(async (size, index) => {
      // Two of four are those of the tree before or after, too.
      const seed = index < 2 ? Math.floor(number / 2) : number
      const bytes = new Uint8Array(size).fill(seed)
      new DataView(bytes.buffer).setUint32(0, seed * 4 + index)
      return { cid: CID.createV1(raw.code, await sha256.digest(bytes)), bytes }
    }),
  )
  const links = leaves.map(({ cid, bytes }, index) => ({
    Name: String(index),
    Hash: cid,
    Tsize: bytes.length,
  }))
  const bytes = dagPb.encode(dagPb.createNode(new UnixFS({ type: 'directory' }).marshal(), links))
  const root = CID.createV1(dagPb.code, await sha256.digest(bytes))
  return { root, blocks: [...leaves, { cid: root, bytes }] }
}
