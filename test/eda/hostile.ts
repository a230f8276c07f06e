/** What a guest, or who may write to its objects, may say of itself. */
export const HOSTILE = [
  "{{ lookup('pipe', 'touch /tmp/virtbridge-owned') }}",
  '{% for x in range(10) %}{{ x }}{% endfor %}',
  "'; all ;'\n- name: x\n\u0000\u001b[31m",
  '1e5',
  'None',
  '*',
] as const

/** Names of hosts that are more than one host, or none. */
export const NO_LIMITS = [
  '',
  'all',
  '*',
  'localhost',
  'a.b.c,d.e.f',
  'a.b.c:d.e.f',
  '!a.b.c',
  'a.b.c[0]',
  'a.b.c\n',
  'A.b.*',
  '{{ groups.all }}',
  '1.5',
] as const
