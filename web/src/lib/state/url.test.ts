import { beforeEach, expect, it, vi } from 'vitest';

const world = vi.hoisted(() => ({ page: { url: new URL('http://here/runs?status=failed&kind=restore') }, arrivals: [] as (() => void)[] }));
vi.mock('$app/state', () => ({ page: world.page }));
vi.mock('$app/navigation', () => ({
	goto: (url: URL) =>
		new Promise<void>((resolve) => {
			world.arrivals.push(() => {
				world.page.url = url;
				resolve();
			});
		})
}));
import { linkWith, param, setParams } from './url.svelte';

/** The last navigation arrives; those before it were given up. */
async function arrive(): Promise<void> {
	world.arrivals.pop()?.();
	world.arrivals.length = 0;
	await Promise.resolve();
	await Promise.resolve();
}

beforeEach(async () => {
	await arrive();
	world.page.url = new URL('http://here/runs?status=failed&kind=restore');
});

it('a change while another is on its way does not undo it', async () => {
	setParams({ status: '', kind: '' });
	param('job').value = '3';
	await arrive();
	expect(world.page.url.search).toBe('?job=3');
});

it('goes back to where it was while it is on its way', async () => {
	param('status').value = 'completed';
	param('status').value = 'failed';
	await arrive();
	expect(world.page.url.searchParams.get('status')).toBe('failed');
});

it('asks for nothing when nothing changes', () => {
	param('status').value = 'failed';
	expect(world.arrivals.length).toBe(0);
});

it('another page does not get what this one was going to', async () => {
	setParams({ status: '' });
	world.page.url = new URL('http://here/tapes?q=x');
	expect(linkWith({ page: '2' })).toBe('/tapes?q=x&page=2');
	param('q').value = 'y';
	await arrive();
	expect(world.page.url.href).toBe('http://here/tapes?q=y');
});
