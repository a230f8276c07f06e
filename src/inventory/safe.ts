const DELIMITER = /\{\{|\{%|\{#/

/** Text as Ansible may take it: inert as it is, or marked unsafe when it holds template delimiters (a guest may have written it). */
export function safe(text: string): string | { readonly __ansible_unsafe: string } {
  return DELIMITER.test(text) ? { __ansible_unsafe: text } : text
}
