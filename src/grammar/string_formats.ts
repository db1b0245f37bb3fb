const day = "(0[1-9]|1\\d|2[0-8])";
/** Every day of a month that has it in all years. */
const date = `\\d{4}-((0[13578]|1[02])-(${day}|29|3[01])|(0[469]|11)-(${day}|29|30)|02-${day})`;
const time = "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)";
const byte = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const label = "[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?";
const hostname = `${label}(\\.${label}){0,5}`;
const uriChars = "[a-zA-Z0-9._~!$&'()*+,;=:@/-]";
const timePart = "T(\\d{1,3}H(\\d{1,3}M)?(\\d{1,3}S)?|\\d{1,3}M(\\d{1,3}S)?|\\d{1,3}S)";
const dayPart = "(\\d{1,3}Y(\\d{1,2}M(\\d{1,3}D)?)?|\\d{1,2}M(\\d{1,3}D)?|\\d{1,3}D)";

/**
 * Patterns of the formats of strings that answers keep to. Each fits texts of its format only, if not all of them; a
 * format that is not here says nothing about a string, as the specification has it.
 */
export const formatPatterns: ReadonlyMap<string, string> = new Map([
  ["date", date],
  ["time", time],
  ["date-time", `${date}T${time}`],
  ["duration", `P(${dayPart}(${timePart})?|${timePart}|\\d{1,3}W)`],
  ["email", `[a-zA-Z0-9_+-]{1,32}(\\.[a-zA-Z0-9_+-]{1,32}){0,3}@${label}(\\.${label}){1,4}`],
  ["hostname", hostname],
  ["ipv4", `${byte}(\\.${byte}){3}`],
  ["ipv6", "[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4}){7}"],
  [
    "uri",
    `[a-z][a-z0-9+.-]{1,15}://${hostname}(:\\d{1,4})?(/${uriChars}*)?(\\?${uriChars}*)?(#${uriChars}*)?`,
  ],
  ["uuid", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"],
]);
