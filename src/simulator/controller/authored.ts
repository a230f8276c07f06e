import type { JobSettings, Prompt, SurveyQuestion } from './job-records.ts'
import type { Role, Variables } from './records.ts'

/** A job template as its author wrote it: everything but the name has a default. */
export type TemplateObject = Partial<Omit<JobSettings, 'inventory' | 'credentials' | 'labels' | 'instance_groups'>> & {
  id?: number
  name: string
  description?: string
  organization?: string
  inventory?: string
  project?: string
  playbook?: string
  credentials?: string[]
  extra_vars?: string
  use_fact_cache?: boolean
  become_enabled?: boolean
  allow_simultaneous?: boolean
  prompts?: { [name in Prompt]?: boolean }
  survey_enabled?: boolean
  survey?: SurveyQuestion[]
  /** Names of notification templates. */
  notification_templates_started?: string[]
  notification_templates_success?: string[]
  notification_templates_error?: string[]
}

/** A notification template of type webhook. In its address and headers `{{ name }}` stands for what is known when it is sent. */
export type NotificationObject = {
  name: string
  notification_configuration: {
    url: string
    http_method?: string
    headers?: { [name: string]: string }
  }
}

export type InventoryObject = {
  id?: number
  name: string
  description?: string
  organization?: string
  /** Hosts made by hand: no source removes them. */
  hosts?: { id?: number; name: string; description?: string; enabled?: boolean; variables?: Variables }[]
}

export type SourceObject = {
  id?: number
  name: string
  description?: string
  inventory: string
  source_project?: string
  source_path?: string
  /** What the plugin gets as environment variables. */
  source_vars?: Variables
  enabled_var?: string
  enabled_value?: string
  overwrite?: boolean
  overwrite_vars?: boolean
  update_on_launch?: boolean
  update_cache_timeout?: number
}

export type ProjectObject = {
  id?: number
  name: string
  description?: string
  organization?: string
  scm_type?: string
  scm_url?: string
  scm_branch?: string
  status?: string
}

export type RoleObject = { user: string; on: Role['on']; name: string; role: string }

/** What a controller is filled with. References are names; `id` fixes an id where a test needs one. */
export type ControllerObjects = {
  organizations: { id?: number; name: string; description?: string }[]
  credential_types: { id?: number; name: string; kind?: string }[]
  credentials: { id?: number; name: string; organization?: string; credential_type?: string }[]
  projects: ProjectObject[]
  inventories: InventoryObject[]
  inventory_sources: SourceObject[]
  templates: TemplateObject[]
  notifications?: NotificationObject[]
  /** Rights of users that are no superusers. */
  roles?: RoleObject[]
}
