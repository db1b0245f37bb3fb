/** A way to write a call: `begin`, the arguments, `end`. */
export interface CallForm {
  readonly begin: string;
  readonly end: string;
  /** The beginning of `begin` by which the form is known; no other form's begins with it. */
  readonly trigger: string;
}

/** The form that the template teaches, spaces and all. */
export function taughtForm(name: string): CallForm {
  const trigger = `{"name": "${name}"`;
  return { begin: `${trigger}, "parameters": `, end: "}", trigger };
}

/** The forms in which a call can be recognized before its arguments begin, in the spellings that are usual. */
export function usualForms(name: string): CallForm[] {
  const tight = `{"name":"${name}"`;
  const typed = `{"type": "function", "name": "${name}"`;
  const element = `<function=${name}>`;
  return [
    taughtForm(name),
    { begin: `${tight},"parameters":`, end: "}", trigger: tight },
    { begin: `${typed}, "parameters": `, end: "}", trigger: typed },
    { begin: element, end: "</function>", trigger: element },
  ];
}
