/** When a run is due, on the clock of its schedule: "Mon 23 Nov 2026, 01:30". */
export function runTime(at: string, timeZone: string): string {
	const date = new Date(at);
	const options: Intl.DateTimeFormatOptions = {
		weekday: 'short',
		year: 'numeric',
		month: 'short',
		day: 'numeric',
		hour: '2-digit',
		minute: '2-digit'
	};
	try {
		return new Intl.DateTimeFormat(undefined, { ...options, timeZone }).format(date);
	} catch {
		// The server knows a zone that this browser does not.
		return `${new Intl.DateTimeFormat(undefined, { ...options, timeZone: 'UTC' }).format(date)} UTC`;
	}
}
