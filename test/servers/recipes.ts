import { awxCollectionRecipe } from './awx-collection.ts'
import type { Recipe } from './cache.ts'
import { collectionToolsRecipe } from './collection-tools.ts'
import { kafkaRecipe } from './kafka-jars.ts'
import { kubeRecipe } from './kube-binaries.ts'
import { postgresRecipe } from './postgres.ts'
import {
  ansibleRecipe,
  kubevirtCoreRecipe,
  OLDER_CORES,
  olderCoreRecipe,
  olderRulebookRecipe,
  rulebookRecipe,
} from './python-environment.ts'

/** Every server of the integration suite, the quick ones first, so that a fault of theirs is told before the long build. */
export const recipes: readonly Recipe[] = [
  ansibleRecipe,
  ...OLDER_CORES.map(olderCoreRecipe),
  kubevirtCoreRecipe,
  awxCollectionRecipe,
  postgresRecipe,
  collectionToolsRecipe,
  rulebookRecipe,
  olderRulebookRecipe,
  kafkaRecipe,
  kubeRecipe,
]
