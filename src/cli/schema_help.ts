/** `llamav help schema`: what README.md says, for who has the program alone. */
export const schemaHelp = `What a schema may have: type (also a list), enum, const, properties, required,
additionalProperties, patternProperties (one, without properties),
propertyNames (without properties), minProperties and maxProperties where they
can be kept without counting, items, prefixItems, minItems, maxItems,
minLength, maxLength, pattern, format (date, time, date-time, duration, email,
hostname, ipv4, ipv6, uri, uuid; others are ignored), minimum, maximum and the
exclusive ones, anyOf, oneOf (read as anyOf), allOf of one, $ref within the
document.

Members come in the schema's order, and others only where additionalProperties
says so. Patterns fit the whole text.

Refused: not, if, multipleOf, uniqueItems, contains, dependent*, several
schemas in allOf, a length beside a pattern or format. Up to 64 KiB, 32 levels,
1,000 enum values.
`;
