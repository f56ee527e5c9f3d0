import { expect, test } from 'bun:test'
import { loadConfig } from '../../../core/config/load.ts'
import { networkSettings, pinOnlyOn, unmetSettings, upkeepSettings } from '../../../core/peer/settings.ts'
import { defaultUpkeepSettings } from '../../../core/upkeep/ports.ts'
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

test('re-pinning is off unless the configuration says so, and has its own settings', async () => {
  await using folder = await initialisedFolder()
  const settings = async () => upkeepSettings((await loadConfig(folder.path, {})).config)
  expect(await settings()).toEqual(defaultUpkeepSettings)
  await editService(folder.path, (json) => {
    json.cluster.disable_repinning = false
    json.cluster.state_sync_interval = '1m'
    json.allocator.repinning = { grace: '30s', rate: 7, takeover: '9s' }
  })
  expect(await settings()).toEqual({
    ...defaultUpkeepSettings,
    repinning: true,
    checkInterval: 60_000,
    grace: 30_000,
    rate: 7,
    takeover: 9_000,
  })
})

test('pins are given to all peers unless the configuration says to which', async () => {
  await using folder = await initialisedFolder()
  const only = async () => pinOnlyOn((await loadConfig(folder.path, {})).config)
  expect(await only()).toBeUndefined()
  for (const kind of ['trusted', 'untrusted'] as const) {
    await editService(folder.path, (json) => {
      json.cluster.pin_only_on_trusted_peers = kind === 'trusted'
      json.cluster.pin_only_on_untrusted_peers = kind === 'untrusted'
    })
    expect(await only()).toBe(kind)
  }
})

test('what is asked for and not done is told', async () => {
  await using folder = await initialisedFolder()
  const unmet = async () => unmetSettings((await loadConfig(folder.path, {})).config)
  expect(await unmet()).toEqual([expect.stringContaining('cluster.enable_relay_hop')])
  await editService(folder.path, (json) => {
    json.cluster.enable_relay_hop = false
  })
  expect(await unmet()).toEqual([])
  await editService(folder.path, (json) => {
    json.cluster.resource_manager = {
      enabled: true,
      memory_limit_bytes: 1_000_000,
      file_descriptors_limit: 0,
    }
    json.cluster.pubsub.seen_messages_ttl = '1m'
  })
  expect(await unmet()).toEqual([
    expect.stringContaining('cluster.resource_manager'),
    expect.stringContaining('cluster.pubsub.seen_messages_ttl'),
  ])
})
