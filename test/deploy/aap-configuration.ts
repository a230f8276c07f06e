/**
 * What the roles of the collection infra.aap_configuration read of an entry of each of their variables, by hand from their `tasks/main.yml`
 * at github.com/redhat-cop/infra.aap_configuration, commit 01a934f (2025), those of job templates, projects and credentials at 11e5f8e, of
 * notification templates at 2602301, and of execution environments, inventory sources, roles, schedules and hosts as the older 15306f0 and
 * 1783ff5 have them. A key that no role reads is dropped there without a word. `!` marks what they insist on.
 */
const READ = {
  aap_teams: 'name! description organization! state',
  aap_user_accounts:
    'username! password email first_name last_name is_superuser is_platform_auditor update_secrets organizations authenticators authenticator_uid state',
  controller_credential_types: 'name! description inputs injectors kind state',
  controller_credentials: 'name! description organization credential_type! inputs user team update_secrets state',
  controller_execution_environments: 'name! description image! organization credential pull state',
  controller_hosts: 'name! description inventory! enabled variables state',
  controller_inventories:
    'name! description organization! instance_groups input_inventories variables kind host_filter prevent_instance_group_fallback state',
  controller_inventory_sources:
    'name! description inventory! organization source source_path source_vars enabled_var enabled_value host_filter limit credential execution_environment overwrite overwrite_vars timeout verbosity update_on_launch update_cache_timeout source_project scm_branch state',
  controller_notifications: 'name! description organization notification_type notification_configuration messages state',
  controller_projects:
    'name! description scm_type scm_url default_environment local_path scm_branch scm_refspec credential scm_clean scm_delete_on_update scm_track_submodules scm_update_on_launch scm_update_cache_timeout allow_override timeout organization wait update_project interval state',
  controller_roles:
    'user users team teams role roles target_team target_teams inventory inventories job_template job_templates workflow workflows credential credentials organization organizations lookup_organization project projects instance_groups state',
  controller_schedules:
    'name! description rrule extra_data inventory credentials scm_branch execution_environment forks instance_groups job_slice_count labels timeout job_type job_tags skip_tags limit diff_mode verbosity organization unified_job_template enabled state',
  controller_templates:
    'name! description execution_environment job_type inventory organization project playbook credentials forks limit verbosity extra_vars job_tags force_handlers skip_tags start_at_task diff_mode use_fact_cache host_config_key ask_scm_branch_on_launch ask_diff_mode_on_launch ask_variables_on_launch ask_limit_on_launch ask_tags_on_launch ask_skip_tags_on_launch ask_job_type_on_launch ask_verbosity_on_launch ask_inventory_on_launch ask_credential_on_launch ask_execution_environment_on_launch ask_forks_on_launch ask_instance_groups_on_launch ask_job_slice_count_on_launch ask_labels_on_launch ask_timeout_on_launch prevent_instance_group_fallback survey_enabled survey_spec become_enabled allow_simultaneous timeout instance_groups job_slice_count webhook_service webhook_credential scm_branch labels notification_templates_started notification_templates_success notification_templates_error roles state',
  controller_workflows:
    'name! description extra_vars allow_simultaneous organization! ask_variables_on_launch inventory limit labels scm_branch ask_inventory_on_launch ask_scm_branch_on_launch ask_limit_on_launch survey_enabled survey_spec job_tags skip_tags ask_tags_on_launch ask_labels_on_launch ask_skip_tags_on_launch workflow_nodes simplified_workflow_nodes destroy_current_nodes notification_templates_started notification_templates_success notification_templates_error notification_templates_approvals roles state',
  eda_credential_types: 'name! description inputs injectors state',
  eda_credentials: 'name! description organization credential_type! inputs state',
  eda_decision_environments: 'name! description image_url credential organization state',
  eda_projects: 'name! description url scm_url scm_branch credential organization proxy sync state',
  // `enabled` is read too, and the module behind it does not look at it.
  eda_rulebook_activations:
    'name! description project rulebook decision_environment awx_token restart_policy extra_vars organization! eda_credentials k8s_service_name event_streams log_level state',
} as const
const NODE =
  'identifier! extra_data inventory scm_branch job_type job_tags skip_tags limit diff_mode verbosity credentials workflow_job_template unified_job_template lookup_organization execution_environment forks instance_groups job_slice_count labels timeout approval_node all_parents_must_converge always_nodes success_nodes failure_nodes state'
/** States that modules know beside `present` and `absent`. */
const STATES: Readonly<Record<string, readonly string[]>> = { eda_rulebook_activations: ['enabled', 'disabled'] }

type Entry = Readonly<Record<string, unknown>>

/** What the roles would drop or refuse of the variables of a site; empty when all is well. Variables that are anchors of its own are left out. */
export function refusedBy(variables: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(variables).flatMap(([variable, entries]) => {
    if (variable.startsWith('virtbridge_')) return []
    const known = (READ as Readonly<Record<string, string>>)[variable]
    if (known === undefined) return [`${variable}: no role reads it`]
    const nodes = (entries as Entry[]).flatMap(entry => (entry['simplified_workflow_nodes'] ?? []) as Entry[])
    return [
      ...(entries as Entry[]).flatMap(entry => faultsOf(variable, known, entry)),
      ...nodes.flatMap(node => faultsOf(`${variable}: node`, NODE, node)),
    ]
  })
}

function faultsOf(where: string, known: string, entry: Entry): readonly string[] {
  const words = known.split(' ')
  const keys = words.map(word => word.replace('!', ''))
  const wanted = words.filter(word => word.endsWith('!')).map(word => word.slice(0, -1))
  const states = ['present', 'absent', ...(STATES[where] ?? [])]
  const { state = 'present' } = entry
  return [
    ...Object.keys(entry).flatMap(key => (keys.includes(key) ? [] : [`${where}: ${key} is dropped`])),
    ...wanted.flatMap(key => (entry[key] === undefined ? [`${where}: ${key} is missing`] : [])),
    ...(states.includes(state as string) ? [] : [`${where}: no state is called ${String(state)}`]),
  ]
}
