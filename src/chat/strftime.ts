const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/**
 * Formats a date in local time with the names of the C locale, like C's `strftime`: what a template's
 * `strftime_now("%d %b %Y")` prints.
 *
 * @throws {RangeError} If the format asks for something that is not in the table below.
 */
export function strftime(format: string, date: Date): string {
  return format.replace(/%(-?)([\s\S]?)/g, (field, unpadded: string, letter: string) => {
    const value = fieldValue(letter, date);
    if (value === undefined) throw new RangeError(`Cannot format a date: "${field}" is not supported`);
    return unpadded ? value.replace(/^0+(?=.)/, "") : value;
  });
}

function fieldValue(letter: string, date: Date): string | undefined {
  const hour = date.getHours();
  switch (letter) {
    case "a":
      return days[date.getDay()]!.slice(0, 3);
    case "A":
      return days[date.getDay()];
    case "b":
      return months[date.getMonth()]!.slice(0, 3);
    case "B":
      return months[date.getMonth()];
    case "d":
      return padded(date.getDate());
    case "m":
      return padded(date.getMonth() + 1);
    case "y":
      return padded(date.getFullYear() % 100);
    case "Y":
      return String(date.getFullYear());
    case "H":
      return padded(hour);
    case "I":
      return padded(hour % 12 || 12);
    case "p":
      return hour < 12 ? "AM" : "PM";
    case "M":
      return padded(date.getMinutes());
    case "S":
      return padded(date.getSeconds());
    case "%":
      return "%";
    default:
      return undefined;
  }
}

function padded(value: number): string {
  return String(value).padStart(2, "0");
}
