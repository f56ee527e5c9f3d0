import { describe, expect, test } from 'bun:test'
import { embeddedDefaults, startingNodes } from '../../../core/ipfs/embedded/config.ts'

const own = '/ip4/10.0.0.7/tcp/9099/p2p/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'

describe('the nodes to begin with', () => {
  test('are those of the configuration in the public network', () => {
    const config = { ...embeddedDefaults, bootstrap: [...embeddedDefaults.bootstrap, own] }
    expect(startingNodes(config)).toEqual(config.bootstrap)
  })

  test('are the own ones alone in the network of the cluster: the public ones of the defaults are not dialled', () => {
    expect(startingNodes({ ...embeddedDefaults, network: 'cluster' })).toEqual([])
    const bootstrap = [...embeddedDefaults.bootstrap, own]
    expect(startingNodes({ ...embeddedDefaults, network: 'cluster', bootstrap })).toEqual([own])
  })
})
