import { playFamily } from './family-plays.ts'
import { SUSE } from './family.ts'

playFamily(SUSE)
