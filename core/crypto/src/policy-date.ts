/**
 * Dates of policies: whole days of the proleptic Gregorian calendar, in 16 bits, without a clock or a time zone.
 * Source: Howard Hinnant, chrono-compatible low-level date algorithms (days from civil, the 400-year era).
 * @module
 */

const ERA_DAYS = 146_097;
/** Days from 0000-03-01 to 1970-01-01. */
const SHIFT = 719_468;
const LAST_DAY = 2 ** 16 - 1;

/** Days since 1970-01-01 of `YYYY-MM-DD`; undefined for another shape, a day that is not in the calendar, and past 2149-06-06. */
export function dayOf(text: string): number | undefined {
  const found = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(text);
  if (!found) return undefined;
  const [year, month, day] = found.slice(1).map(Number) as [number, number, number];
  if (year < 1970 || month < 1 || month > 12 || day < 1) return undefined;
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  const days = era * ERA_DAYS + dayOfEra - SHIFT;
  // A day past the month's end lands in the next month, and is written otherwise there.
  return days <= LAST_DAY && formatDay(days) === text ? days : undefined;
}

/** `YYYY-MM-DD` of a day. @param days - since 1970-01-01, 0 to 65535 */
export function formatDay(days: number): string {
  const shifted = days + SHIFT;
  const era = Math.floor(shifted / ERA_DAYS);
  const dayOfEra = shifted - era * ERA_DAYS;
  const leapDays = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * month + 2) / 5) + 1;
  const year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0);
  const pad = (value: number, length: number): string => value.toString().padStart(length, "0");
  return `${pad(year, 4)}-${pad(month >= 10 ? month - 9 : month + 3, 2)}-${pad(day, 2)}`;
}
