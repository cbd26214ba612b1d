import { api, fetched } from '$lib/api/client';
import type { StoredEvent } from '$lib/api/types';

const MOST = 300;
const KEY = 'tapebackarr.events-seen';

/** The last events, newest first, each once; and which of them this person has not seen. */
export class EventList {
	list = $state.raw<StoredEvent[]>([]);
	/** Events that came while this page was open, for those who show them as they come. */
	arrived = $state.raw<StoredEvent | null>(null);
	#seen = $state(Number(localStorage.getItem(KEY) ?? 0));

	/** The id to catch up from. */
	get last(): string | null {
		return this.list[0]?.id ?? null;
	}

	/** How many there are that were not looked at. */
	get unseen(): number {
		return this.list.filter((event) => Number(event.id) > this.#seen).length;
	}

	isUnseen(event: StoredEvent): boolean {
		return Number(event.id) > this.#seen;
	}

	async load(): Promise<void> {
		try {
			const events = await fetched(api.GET('/api/v1/events'));
			for (const event of events) this.add(event, false);
		} catch {
			// The stream brings what is new; the list is asked for again with the next connection.
		}
	}

	add(event: StoredEvent, isNew: boolean): void {
		if (isNew && !this.list.some((known) => known.id === event.id)) this.arrived = event;
		this.list = insert(this.list, event);
	}

	markSeen(): void {
		this.#seen = Number(this.last ?? 0);
		try {
			localStorage.setItem(KEY, String(this.#seen));
		} catch {
			// No storage: it is remembered as long as the page.
		}
	}

	clear(): void {
		this.list = [];
		this.arrived = null;
	}
}

/** The list with this event in its place, once, the newest first. */
function insert(list: StoredEvent[], event: StoredEvent): StoredEvent[] {
	const id = Number(event.id);
	const at = list.findIndex((known) => Number(known.id) <= id);
	if (at >= 0 && list[at]?.id === event.id) return list;
	const place = at < 0 ? list.length : at;
	return list.toSpliced(place, 0, event).slice(0, MOST);
}
