import { amount, list, object, type Schema, whole } from './schema-part.ts'

/** How much is taken from whom, and whose word counts for who asks. */
export function httpLimits(): Record<'trusted_proxies' | 'limits', Schema> {
  return {
    trusted_proxies: list(
      'Addresses and ranges of proxies whose X-Forwarded-For is believed: what it says counts for limits and for the audit. Without one it is not read.',
      100,
      { type: 'string', minLength: 1, maxLength: 64 },
    ),
    limits: object('How often may be asked, and how much is on its way at once.', {
      token_requests_per_second: amount(200, 'Requests of one token, over all.', 1),
      token_burst: whole(1_000, 1, 100_000, 'Requests of one token at once, after a rest.'),
      stranger_requests_per_second: amount(10, 'Requests from one address that show no valid token, over all.', 0.1),
      stranger_burst: whole(100, 1, 100_000, 'The same at once, after a rest.'),
      large_answers: whole(
        32,
        1,
        1_000,
        'Answers of more than 256 KB that are on their way at once; each is in memory until it was read.',
      ),
      large_answers_per_token: whole(8, 1, 1_000, 'The same to one token.'),
    }),
  }
}
