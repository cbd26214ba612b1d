import type { StoredEvent } from '$lib/api/types';

export interface EventFilters {
	type?: string;
	category?: string;
	q?: string;
	start?: string;
	end?: string;
}

/** Whether an event that has just come fits the filters. What is asked for up to a day in the past gets nothing new. */
export function fits(event: StoredEvent, filters: EventFilters): boolean {
	const text = `${event.title}\n${event.message}`.toLowerCase();
	return (
		(!filters.type || event.type === filters.type) &&
		(!filters.category || event.category === filters.category) &&
		(!filters.q || text.includes(filters.q.toLowerCase())) &&
		(!filters.start || event.timestamp.slice(0, 10) >= filters.start) &&
		(!filters.end || event.timestamp.slice(0, 10) <= filters.end)
	);
}
