import { describe, expect, test } from 'bun:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { openRecord } from '../../../core/ipfs/embedded/exchange/ipns-record.ts'
import { makeIpnsRecord } from './ipns-fixture.ts'

describe('a record of a name', () => {
  test('is opened when its key has signed it', async () => {
    const key = await generateKeyPair('Ed25519')
    const record = await makeIpnsRecord(key, '/ipfs/bafkqaaa', 60_000)
    const opened = await openRecord(peerIdFromPrivateKey(key).toMultihash(), record, Date.now())
    expect(opened.value).toBe('/ipfs/bafkqaaa')
  })
  test('is refused when its signature has not the length of one', async () => {
    const key = await generateKeyPair('Ed25519')
    const signer = { sign: () => new Uint8Array(66) } as unknown as PrivateKey
    const record = await makeIpnsRecord(signer, '/ipfs/bafkqaaa', 60_000)
    const opened = openRecord(peerIdFromPrivateKey(key).toMultihash(), record, Date.now())
    await expect(opened).rejects.toMatchObject({ name: 'NameError' })
  })
})
