import { expect, test } from 'bun:test'
import { loadConfig } from '../../../core/config/load.ts'
import { networkSettings } from '../../../core/peer/settings.ts'
import { editService, initialisedFolder } from '../config/initialised-folder.ts'

test('a follower does not offer other peers to those whose mesh it leaves', async () => {
  await using folder = await initialisedFolder()
  const settings = async () => networkSettings((await loadConfig(folder.path, {})).config)
  expect((await settings()).pubsub.peerExchange).toBe(true)
  await editService(folder.path, (json) => {
    json.cluster.follower_mode = true
  })
  expect((await settings()).pubsub.peerExchange).toBe(false)
})
