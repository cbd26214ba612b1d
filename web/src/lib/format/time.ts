const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const absolute = new Intl.DateTimeFormat(undefined, {
	weekday: 'short',
	year: 'numeric',
	month: 'short',
	day: 'numeric',
	hour: '2-digit',
	minute: '2-digit',
	second: '2-digit',
	timeZoneName: 'short'
});
const sameYear = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });
const otherYear = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' });
const clockOnly = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

/** A time of the API as a date; none for nothing, for what cannot be read, and for the year 1 of old clients. */
export function parseTime(text: string | null | undefined): Date | null {
	if (!text || text.startsWith('0001-')) return null;
	const date = new Date(text);
	return Number.isNaN(date.getTime()) ? null : date;
}

/** Day, date, time and zone of the viewer. */
export function exactTime(date: Date): string {
	return absolute.format(date);
}

/** Hour and minute in the viewer's zone. */
export function clock(date: Date): string {
	return clockOnly.format(date);
}

/** How long ago, or how soon: "now", "3 min ago", "in 2 h", "Nov 3". */
export function relative(date: Date, now: Date): string {
	const difference = date.getTime() - now.getTime();
	const distance = Math.abs(difference);
	const say = (words: string) => (difference < 0 ? `${words} ago` : `in ${words}`);
	// The clock here ticks only every 10 seconds: what has just happened can seem to lie ahead.
	if (distance < 45 * SECOND) return difference < 15 * SECOND ? 'just now' : 'in a moment';
	if (distance < HOUR) return say(`${Math.max(1, Math.round(distance / MINUTE))} min`);
	if (distance < DAY) return say(`${Math.round(distance / HOUR)} h`);
	if (distance < 14 * DAY) {
		const days = Math.round(distance / DAY);
		return say(days === 1 ? '1 day' : `${days} days`);
	}
	return day(date, now);
}

/** The date alone; the year where it is another one. */
export function day(date: Date, now: Date): string {
	return (date.getFullYear() === now.getFullYear() ? sameYear : otherYear).format(date);
}

/** A duration in at most two units: "45 s", "12 min", "3 h 05 min", "2 d 4 h". */
export function duration(seconds: number): string {
	if (!Number.isFinite(seconds) || seconds < 0) return '–';
	const whole = Math.round(seconds);
	if (whole < 60) return `${whole} s`;
	const minutes = Math.floor(whole / 60);
	if (minutes < 10) return whole % 60 === 0 ? `${minutes} min` : `${minutes} min ${pad(whole % 60)} s`;
	if (minutes < 60) return `${minutes} min`;
	const hours = Math.floor(minutes / 60);
	if (hours < 24) return `${hours} h ${pad(minutes % 60)} min`;
	return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A duration to the second: what stands behind a rounded one. */
export function exactDuration(seconds: number): string {
	if (!Number.isFinite(seconds) || seconds < 0) return '–';
	const whole = Math.round(seconds);
	return `${Math.floor(whole / 3600)}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}`;
}

function pad(number: number): string {
	return number.toString().padStart(2, '0');
}
