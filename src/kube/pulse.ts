import { buildConnector } from 'undici'

/** How often a connection is asked whether it is alive, in ms: an HTTP/2 PING, which costs 17 bytes either way. */
export const PING_MS = 15_000
/** So many times is looked between two pings. */
const LOOKS = 3
/** Looks in a row that found nothing new: two pings were not answered, and nothing else came. */
const SILENT_LOOKS = 2 * LOOKS

/** What makes connections, as undici takes it. */
type Connector = ReturnType<typeof buildConnector>
type Options = Parameters<typeof buildConnector>[0]

/**
 * Makes connections that are ended when they are dead: over HTTP/2 something must come, if only the answer to a ping, else the way is
 * cut and neither side was told (a firewall that forgot it, a machine that is gone). All watches of it break at once, and are opened
 * anew half a minute after the cut. A quiet watch does not trip it: pings are answered whatever the streams do, read or not.
 *
 * Looks are counted, not time: after a pause of the whole process there is one of them, not many. HTTP/1.1 has no pings; there the
 * bookmarks of each watch tell.
 */
export function pulsing(options: Options, pingMs: number): Connector {
  const connect = buildConnector(options)
  return (asked, callback) => {
    connect(asked, (...made) => {
      const [failure, socket] = made
      if (failure === null && 'alpnProtocol' in socket && socket.alpnProtocol === 'h2') {
        let [before, silent] = [socket.bytesRead, 0]
        const look = (): void => {
          silent = socket.bytesRead === before ? silent + 1 : 0
          before = socket.bytesRead
          if (silent < SILENT_LOOKS) return
          socket.destroy(new Error('the connection is dead: nothing came, not even the answer to a ping'))
        }
        const timer = setInterval(look, pingMs / LOOKS).unref()
        socket.once('close', () => clearInterval(timer))
      }
      callback(...made)
    })
  }
}
