/** The template does more work than any chat layout has to. */
export class TemplateRunaway extends Error {
  override readonly name = "TemplateRunaway";
  constructor(message = "The template does not come to an end") {
    super(message);
  }
}
