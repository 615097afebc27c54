/** A number of seven digits as people compare it: `123 4567`. @module */
export const inGroups = (number: string): string => `${number.slice(0, 3)} ${number.slice(3)}`;
