import { shown } from './python-json.ts'
import type { SurveyQuestion } from './job-records.ts'
import type { Variables } from './records.ts'

/** The survey's required variables that have no answer of their own: what a launch must bring. */
export function variablesNeeded(survey: readonly SurveyQuestion[]): string[] {
  return survey.filter(isUnanswered).map(({ variable }) => variable)
}

function isUnanswered({ required, default: fallback }: SurveyQuestion): boolean {
  return required && (fallback === '' || fallback === null || fallback === undefined)
}

/** What is wrong with the answers, in the product's words, one sentence per question. Types are strict: "3" is not 3. */
export function surveyFaults(survey: readonly SurveyQuestion[], answers: Variables): string[] {
  return survey.flatMap(question => answerFault(question, answers[question.variable]) ?? [])
}

function answerFault(question: SurveyQuestion, value: unknown): string | undefined {
  const { variable, type, choices } = question
  if (value === undefined) return isUnanswered(question) ? `'${variable}' value missing` : undefined
  const text = shown(value)
  switch (type) {
    case 'text':
    case 'textarea':
    case 'password':
      if (typeof value !== 'string') return `Value ${text} for '${variable}' expected to be a string.`
      return sizeFault(question, value.length, value)
    case 'integer':
      if (!Number.isInteger(value)) return `Value ${text} for '${variable}' expected to be an integer.`
      return sizeFault(question, value as number, text)
    case 'float':
      if (typeof value !== 'number') return `Value ${text} for '${variable}' expected to be a numeric type.`
      return sizeFault(question, value, text)
    case 'multiselect': {
      if (!Array.isArray(value)) return `'${variable}' value is expected to be a list.`
      const odd = value.find(each => !choices.includes(String(each)))
      return odd === undefined
        ? undefined
        : `Value ${String(odd)} for '${variable}' expected to be one of ${list(choices)}.`
    }
    default:
      return choices.includes(text)
        ? undefined
        : `Value ${text} for '${variable}' expected to be one of ${list(choices)}.`
  }
}

function sizeFault({ variable, min, max }: SurveyQuestion, size: number, value: string): string | undefined {
  if (min !== null && size < min) return `'${variable}' value ${value} is too small (must be at least ${min}).`
  if (max !== null && size > max) return `'${variable}' value ${value} is too large (must be no more than ${max}).`
  return undefined
}

function list(choices: readonly string[]): string {
  return `[${choices.map(choice => `'${choice}'`).join(', ')}]`
}
