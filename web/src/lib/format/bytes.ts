const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'] as const;

/** A number of bytes in decimal units, as on the cartridge: three digits that count. */
export function bytes(count: number): string {
	if (!Number.isFinite(count)) return '–';
	const sign = count < 0 ? '−' : '';
	let value = Math.abs(count);
	let unit = 0;
	// 999.5 would be shown as 1000: it belongs to the next unit.
	while (value >= 999.5 && unit < UNITS.length - 1) {
		value /= 1000;
		unit += 1;
	}
	return `${sign}${digits(value, unit)} ${UNITS[unit]}`;
}

/** Bytes per second. */
export function rate(perSecond: number): string {
	return `${bytes(perSecond)}/s`;
}

/** All digits: what stands behind a rounded figure. */
export function exactBytes(count: number): string {
	return `${whole(count)} bytes`;
}

/** A whole number with thin spaces between its thousands. */
export function whole(count: number): string {
	return Math.round(count)
		.toString()
		.replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
}

/** A count with its noun: "1 file", "12 files". */
export function counted(count: number, one: string, many = `${one}s`): string {
	return `${whole(count)} ${count === 1 ? one : many}`;
}

/** The part that `part` is of `all`, from 0 to 100; 0 when nothing is known. */
export function percent(part: number, all: number): number {
	if (!(all > 0) || !Number.isFinite(part)) return 0;
	return Math.min(100, Math.max(0, (part / all) * 100));
}

function digits(value: number, unit: number): string {
	if (unit === 0) return value.toFixed(0);
	if (value >= 99.95) return value.toFixed(0);
	return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}
