/** CARs between this program and Kubo: what one writes, the other takes whole. */
import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { CID } from 'multiformats/cid'
import type { BlockSink } from '../../core/adder/block-sink.ts'
import { createKubo } from '../../core/ipfs/kubo/kubo.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { add, file } from '../unit/adder/add-rig.ts'
import { blockOf, fileBlocks, makeCar, makeCar2 } from '../unit/adder/car-rig.ts'
import { mixedBytes } from '../unit/adder/mixed-bytes.ts'
import { caseTimeout, pinOptions } from '../unit/ipfs/compliance-calls.ts'
import { quietRuntime } from '../unit/ipfs/test-runtime.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { KuboNode } from './rig/kubo.ts'

await describeWithGo('a CAR', ({ path }) => {
  test(
    'of version 2 as the unit tests make it is one that Kubo imports',
    async () => {
      await using folder = await temporaryFolder()
      await using node = await KuboNode.start({ program: path.ipfs })
      const { root, blocks } = await fileBlocks()
      const car = join(folder.path, 'v2.car')
      writeFileSync(car, makeCar2(await makeCar([root], blocks), { padding: 1_000 }))
      await node.ipfs('dag', 'import', car)
      expect(await node.ipfs('pin', 'ls', '--type', 'recursive', '-q')).toContain(`${root}`)
    },
    caseTimeout,
  )

  test(
    'that Kubo exports is taken whole, and so are blocks of any codec, which Kubo stores',
    async () => {
      await using folder = await temporaryFolder()
      await using node = await KuboNode.start({ program: path.ipfs })
      await using ipfs = createKubo({ address: node.api, runtime: quietRuntime() })
      const sinkFor = (): BlockSink => ({ put: (blocks, options) => ipfs.putBlocks(blocks, options) })
      const content = join(folder.path, 'content')
      writeFileSync(content, mixedBytes(3_000_000))
      const exported = (await node.ipfs('add', '-Q', '-w', content)).trim()
      const answer = await fetch(`${node.gateway}/ipfs/${exported}?format=car`)
      const car = file('exported.car', await answer.bytes())
      const added = await add([car], { format: 'car' }, { sinkFor })
      expect([added.error, added.pinned, added.outputs[0]?.warnings]).toEqual([undefined, [exported], []])

      const leaf = await blockOf(mixedBytes(100))
      const others = [
        leaf,
        await blockOf(dagCbor.encode({ a: 1 }), 0x51),
        await blockOf(Buffer.from('{}'), 0x0200),
        await blockOf(mixedBytes(101), 0x78),
        await blockOf(mixedBytes(102), 0x85),
      ]
      const root = await blockOf(
        dagJson.encode({ leaf: leaf.cid, others: others.slice(0, 3).map(({ cid }) => cid) }),
        dagJson.code,
      )
      const mixed = await add(
        [file('mixed.car', makeCar2(await makeCar([root.cid], [root, ...others])))],
        { format: 'car' },
        { sinkFor },
      )
      expect([mixed.error, mixed.pinned]).toEqual([undefined, [root.cid.toString()]])
      expect(mixed.outputs[0]?.warnings).toEqual([expect.stringContaining('codec 0x78, 0x85')])
      for (const { cid, bytes } of [root, ...others]) expect(await ipfs.getBlock(cid)).toEqual(bytes)
      await ipfs.pin(root.cid, pinOptions())
      expect(await ipfs.pinState(CID.parse(root.cid.toString()))).toBe('recursive')
    },
    caseTimeout,
  )
})
