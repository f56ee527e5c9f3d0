/**
 * Components that the Go program does not have. It keeps components that it does not know when it rewrites the file, so
 * that ours are whole components and never keys among its own (`spec/config.md §2`). An absent one means its defaults,
 * but for `ipfs_connector.embedded`: the peer has an embedded IPFS node exactly if it is there.
 */
import { address, boolean, choice, endpoint, integer, listOf, oneOrMore, text } from '../kind.ts'
import { component, type Limit, notNegative, setting } from '../setting.ts'

const inFlight: Limit<number> = {
  what: 'from 1 to 1000',
  holds: (value) => value >= 1 && value <= 1000,
}

export const stateful = component({
  section: 'pin_tracker',
  name: 'stateful',
  environment: 'CLUSTER_STATEFUL',
  tree: {
    concurrent_unpins: setting(integer, 10, { limit: inFlight }),
    adopt_existing_pins: setting(boolean, false, { asGiven: true }),
  },
})

export const embedded = component({
  section: 'ipfs_connector',
  name: 'embedded',
  environment: 'CLUSTER_EMBEDDED',
  tree: {
    /** Where blocks and keys of the node are; relative to the folder of service.json. */
    folder: setting(text, 'ipfs'),
    /** `public`: the public IPFS network. `cluster`: only the IPFS nodes of the cluster's peers. */
    network: setting(choice('public', 'cluster'), 'public'),
    swarm_listen_multiaddress: setting(oneOrMore(address), ['/ip4/0.0.0.0/tcp/4001']),
    gateway_listen_multiaddress: setting(oneOrMore(endpoint), ['/ip4/127.0.0.1/tcp/8080']),
    bootstrap: setting(listOf(address), [], { asGiven: true }),
    /** Bytes that the node may use; 0 = what the disk has. */
    storage_max: setting(integer, 0, { asGiven: true, limit: notNegative }),
  },
})
