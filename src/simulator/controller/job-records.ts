import type { Status, Variables } from './records.ts'

/** The prompts of a job template: `ask_<name>_on_launch`. */
export const PROMPTS = [
  'scm_branch',
  'diff_mode',
  'variables',
  'limit',
  'tags',
  'skip_tags',
  'job_type',
  'verbosity',
  'inventory',
  'credential',
  'execution_environment',
  'labels',
  'forks',
  'job_slice_count',
  'timeout',
  'instance_groups',
] as const
export type Prompt = (typeof PROMPTS)[number]

export type SurveyQuestion = {
  variable: string
  type: string
  required: boolean
  choices: string[]
  min: number | null
  max: number | null
  default: unknown
}

/** The fields that a template gives to its jobs, and that a launch may replace where the template prompts. */
export type JobSettings = {
  job_type: string
  inventory: number | null
  scm_branch: string
  forks: number
  limit: string
  verbosity: number
  job_tags: string
  skip_tags: string
  timeout: number
  diff_mode: boolean
  job_slice_count: number
  execution_environment: number | null
  credentials: number[]
  labels: number[]
  instance_groups: number[]
}

export type JobTemplate = JobSettings & {
  id: number
  name: string
  description: string
  organization: number
  project: number | null
  playbook: string
  /** As typed by its author: JSON or YAML text. */
  extra_vars: string
  use_fact_cache: boolean
  become_enabled: boolean
  allow_simultaneous: boolean
  survey_enabled: boolean
  survey: SurveyQuestion[]
  prompts: { [name in Prompt]: boolean }
  created: number
}

/** What one host made of a job. The counts are those of Ansible's recap. */
export type HostResult = {
  host: number
  host_name: string
  outcome: 'ok' | 'changed' | 'failed' | 'unreachable'
  message: string
  /** When it is done there. */
  at?: number
}

/**
 * What a job will come to, decided when it starts and kept, so that a restarted controller ends it the same way.
 * `ends_at` null is a job that hangs.
 */
export type Run = {
  ends_at: number | null
  status: Status
  results: HostResult[]
  /** True when a play ran at all: an inventory without hosts, or a limit without a match, leaves no recap. */
  played: boolean
  artifacts: Variables
  job_explanation: string
  result_traceback: string
  stdout: string
}

export type Job = JobSettings & {
  id: number
  /** A sliced launch makes a workflow job in place of a job. */
  type: 'job' | 'workflow_job'
  name: string
  description: string
  organization: number
  project: number | null
  playbook: string
  extra_vars: Variables
  /** Survey answers of type password: stored apart, shown masked. */
  hidden_vars: string[]
  job_template: number | null
  allow_simultaneous: boolean
  use_fact_cache: boolean
  launch_type: string
  /** The workflow job that it is a node of; those are not simulated themselves. */
  workflow?: { id: number; name: string }
  created_by: number
  status: Status
  failed: boolean
  created: number
  modified: number
  /** Set while something stands in its way; see scheduler.ts. */
  blocked: boolean
  eligible_at: number
  waiting_since: number | null
  /** Inventory updates that this launch started (update_on_launch); the job fails when one of them does. */
  depends_on: number[]
  started: number | null
  finished: number | null
  canceled_on: number | null
  cancel_at: number | null
  job_explanation: string
  event_processing_finished: boolean
  run: Run | null
}

export type HostSummary = {
  id: number
  job: number
  /** Stays although the host may be gone: answers then say `host: null` and keep the name. */
  host: number
  host_name: string
  changed: number
  dark: number
  failures: number
  ok: number
  processed: number
  skipped: number
  failed: boolean
  created: number
}
