/**
 * Tells the service manager that a daemon is ready or is stopping (`sd_notify` of systemd). The platform has no datagram
 * unix sockets, so the three calls that it takes go to the C library.
 */
import { dlopen, FFIType, ptr } from 'bun:ffi'

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000

/** Bytes of `sockaddr_un` before its path, and the longest path. */
const familyBytes = 2
const longestPath = 108

/**
 * Sends `state`, such as `READY=1`, to the socket that `NOTIFY_SOCKET` names. Returns false where that is not Linux, or
 * nobody listens: a daemon runs as well without.
 */
export function notifyServiceManager(socketPath: string, state: string): boolean {
  const path = new TextEncoder().encode(socketPath)
  if (process.platform !== 'linux' || path.length === 0 || path.length >= longestPath) return false
  const address = new Uint8Array(familyBytes + path.length)
  new DataView(address.buffer).setUint16(0, AF_UNIX, true)
  address.set(path, familyBytes)
  // `@` stands for the zero byte of the abstract namespace.
  if (socketPath.startsWith('@')) address[familyBytes] = 0
  return send(address, new TextEncoder().encode(state))
}

function send(address: Uint8Array, message: Uint8Array): boolean {
  let library: ReturnType<typeof openLibrary>
  try {
    library = openLibrary()
  } catch {
    return false
  }
  const { socket, sendto, close } = library.symbols
  const handle = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (handle < 0) return false
  try {
    return (
      sendto(handle, ptr(message), message.length, 0, ptr(address), address.length) === BigInt(message.length)
    )
  } finally {
    close(handle)
    library.close()
  }
}

function openLibrary() {
  const { i32, u64, i64, ptr: pointer, u32 } = FFIType
  return dlopen('libc.so.6', {
    socket: { args: [i32, i32, i32], returns: i32 },
    sendto: { args: [i32, pointer, u64, i32, pointer, u32], returns: i64 },
    close: { args: [i32], returns: i32 },
  })
}
