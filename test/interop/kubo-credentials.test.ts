/** A real Kubo with `API.Authorizations`: credentials of both forms let in, none or wrong ones are told from a Kubo that is down. */
import { expect, test } from 'bun:test'
import { createKubo } from '../../core/ipfs/kubo/kubo.ts'
import { caseTimeout, expectIpfsError, pinOptions } from '../unit/ipfs/compliance-calls.ts'
import { each, fileTree } from '../unit/ipfs/dag-fixtures.ts'
import { quietRuntime } from '../unit/ipfs/test-runtime.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { KuboNode } from './rig/kubo.ts'

const authorizations = ['bearer:a-token-of-kubo', 'basic:cluster:pass:word']

await describeWithGo('a Kubo that wants credentials', ({ path }) => {
  test(
    'takes those of both forms, and says of others that they are needed',
    async () => {
      await using node = await KuboNode.start({ program: path.ipfs, authorizations })
      for (const authorization of authorizations) {
        await using ipfs = createKubo({ address: node.api, authorization, runtime: quietRuntime() })
        const { root, leaves } = await fileTree(`by ${authorization}`, 3)
        await ipfs.putBlocks(each([...leaves, root]))
        await ipfs.pin(root.cid, pinOptions())
        expect(await ipfs.pinState(root.cid)).toBe('recursive')
      }
      await using stranger = createKubo({ address: node.api, runtime: quietRuntime() })
      const none = await expectIpfsError(stranger.id(), 'failed')
      expect(none.message).toContain(
        'needs credentials for id (403): set ipfs_connector.ipfshttp.node_authorization',
      )
      const authorization = 'bearer:another-token'
      await using wrong = createKubo({ address: node.api, authorization, runtime: quietRuntime() })
      const refused = await expectIpfsError(wrong.id(), 'failed')
      expect(refused.message).toContain(
        'does not let the credentials in ipfs_connector.ipfshttp.node_authorization',
      )
      expect(`${refused.message}${refused.stack}`).not.toContain('another-token')
    },
    caseTimeout,
  )
})
