import { expect, test } from 'bun:test'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { notifyServiceManager } from '../../../core/runtime/service-notice.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const python = Bun.which('python3')

/** Listens as systemd does and prints what arrives. */
const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
path = sys.argv[1]
s.bind('\\0' + path[1:] if path.startswith('@') else path)
print('bound', flush=True)
s.settimeout(5)
print(s.recv(1000).decode(), flush=True)
`

test.skipIf(python === null || process.platform !== 'linux').each(['path', 'abstract'])(
  'a service manager at an address of kind %s hears that the daemon is ready (needs python3)',
  async (kind) => {
    await using folder = await temporaryFolder()
    const address = kind === 'path' ? `${folder.path}/notify` : `@cluster-test-${process.pid}`
    const heard = Bun.spawn([python!, '-c', listener, address], { stdout: 'pipe' })
    const lines = createInterface(Readable.fromWeb(heard.stdout as never))[Symbol.asyncIterator]()
    expect((await lines.next()).value).toBe('bound')
    expect(notifyServiceManager(address, 'READY=1')).toBe(true)
    expect((await lines.next()).value).toBe('READY=1')
    await heard.exited
  },
)

test('without a listener nothing happens', () => {
  expect(notifyServiceManager('/nonexistent/notify', 'READY=1')).toBe(false)
  expect(notifyServiceManager('', 'READY=1')).toBe(false)
})
