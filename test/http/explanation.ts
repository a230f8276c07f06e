/** What is explained of a VM, with nothing in it: it has every field, so that an answer holds to its schema. */
export const EXPLANATION = {
  host: '',
  uid: '',
  cluster: { name: '', status: '', reason: '', staleness: '' },
  known_since: '',
  adopted: true,
  inventory: { enabled: true, because: '' },
  launch: { possible: true, because: '' },
  can: [],
  held_by: null,
  onboard: { due: true, because: '' },
  profile: null,
  verbs: [],
  waiting: [],
  last_event: '',
}
