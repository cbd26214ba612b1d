import { api, fetched } from '$lib/api/client';
import { session } from '$lib/state/session.svelte';
import { INNER_PAGES, SECTIONS } from './pages';

export interface Hit {
	id: string;
	group: 'Pages' | 'Tapes' | 'Jobs' | 'Sources' | 'Files';
	title: string;
	about: string;
	href: string;
}

const PER_GROUP = 6;

/** Pages whose name or purpose has these words. Here at once, without asking the server. */
export function pageHits(text: string): Hit[] {
	const words = text.toLowerCase().split(/\s+/).filter(Boolean);
	return [...SECTIONS.flatMap((section) => section.pages), ...INNER_PAGES]
		.filter((entry) => session.may(entry.least))
		.filter((entry) => words.every((word) => `${entry.title} ${entry.about}`.toLowerCase().includes(word)))
		.map((entry) => ({ id: entry.href, group: 'Pages', title: entry.title, about: entry.about, href: entry.href }));
}

/** Tapes, jobs, sources and files with this text. */
export async function serverHits(text: string): Promise<Hit[]> {
	const found = await Promise.allSettled([tapes(text), jobs(text), sources(text), files(text)]);
	return found.flatMap((part) => (part.status === 'fulfilled' ? part.value : []));
}

async function tapes(q: string): Promise<Hit[]> {
	const rows = await fetched(api.GET('/api/v1/tapes', { params: { query: { q, limit: PER_GROUP } } }));
	return rows.map((tape) => ({
		id: `tape-${tape.id}`,
		group: 'Tapes',
		title: tape.label,
		about: [tape.barcode, tape.pool_name, tape.status].filter(Boolean).join(' · '),
		href: `/tapes/${tape.id}`
	}));
}

async function jobs(q: string): Promise<Hit[]> {
	const rows = await fetched(api.GET('/api/v1/jobs'));
	return rows
		.filter((job) => job.name.toLowerCase().includes(q.toLowerCase()))
		.slice(0, PER_GROUP)
		.map((job) => ({
			id: `job-${job.id}`,
			group: 'Jobs',
			title: job.name,
			about: `${job.source_name} → ${job.pool_name}`,
			href: `/jobs/${job.id}`
		}));
}

async function sources(q: string): Promise<Hit[]> {
	const rows = await fetched(api.GET('/api/v1/sources'));
	return rows
		.filter((source) => `${source.name} ${source.path}`.toLowerCase().includes(q.toLowerCase()))
		.slice(0, PER_GROUP)
		.map((source) => ({
			id: `source-${source.id}`,
			group: 'Sources',
			title: source.name,
			about: source.path,
			href: `/sources/${source.id}`
		}));
}

async function files(q: string): Promise<Hit[]> {
	const found = await fetched(api.GET('/api/v1/catalog/find', { params: { query: { q, limit: PER_GROUP } } }));
	return found.hits.map((hit) => ({
		id: `file-${hit.source_id}-${hit.path}`,
		group: 'Files',
		title: hit.path.slice(hit.path.lastIndexOf('/') + 1),
		about: `${hit.source_name}: ${hit.path}`,
		href: `/restore?q=${encodeURIComponent(hit.path)}`
	}));
}
