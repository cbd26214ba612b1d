import { api, fetched } from '$lib/api/client';
import type { Schemas, StoredEvent } from '$lib/api/types';
import { asApiError, type ApiError } from '$lib/api/errors';
import { fits, type EventFilters } from './event-filters';

const PAGE = 100;

/** Events, newest first: from the server page by page back, and those that come meanwhile. */
export class EventLog {
	rows = $state.raw<StoredEvent[]>([]);
	more = $state(false);
	loading = $state(true);
	error = $state.raw<ApiError | undefined>();

	constructor(private readonly filters: EventFilters) {}

	/** The newest, or those before the oldest that is shown. */
	load = async (): Promise<void> => {
		this.loading = true;
		try {
			const last = this.rows.at(-1);
			const { type, ...others } = this.filters;
			const query = { ...others, ...(type ? { type: type as Schemas['EventType'] } : {}), limit: PAGE, ...(last ? { before: Number(last.id) } : {}) };
			const older = (await fetched(api.GET('/api/v1/events', { params: { query } }))).toReversed();
			const known = new Set(this.rows.map((event) => event.id));
			this.rows = [...this.rows, ...older.filter((event) => !known.has(event.id))];
			this.more = older.length === PAGE;
			this.error = undefined;
		} catch (thrown) {
			this.error = asApiError(thrown);
		}
		this.loading = false;
	};

	arrive(event: StoredEvent): void {
		if (fits(event, this.filters) && !this.rows.some((known) => known.id === event.id)) this.rows = [event, ...this.rows];
	}
}
