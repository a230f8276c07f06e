/** What a template begins with, wherever it stands; and what at the beginning of a text says that it begins otherwise. */
const TEMPLATE = /\{[{%#]|^#jinja2:/

/** True for a text that Ansible, whatever its version, could take for a template: it would run what stands in it, or fail. */
export function isTemplate(text: string): boolean {
  return TEMPLATE.test(text)
}
