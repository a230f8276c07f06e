import { playFamily } from './family-plays.ts'
import { REDHAT } from './family.ts'

playFamily(REDHAT)
