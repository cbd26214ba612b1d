import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, PHONE, Tab } from './support/browser';
import { addresses, NOTHING_FITS } from './support/pages';
import { Rest, type Role } from './support/rest';
import { ADMIN, TestServer } from './support/server';
import { wholeHouse, type WholeHouse } from './support/whole-house';

let empty: TestServer;
let full: TestServer;
let browser: Browser;
let filling: Promise<{ house: WholeHouse; logins: Record<Role, typeof ADMIN> }>;

beforeAll(async () => {
	[empty, full, browser] = await Promise.all([TestServer.start(), TestServer.start(), openBrowser()]);
	await Rest.setUp(empty);
	// The empty server is looked at meanwhile.
	filling = fill();
	filling.catch(() => undefined);
});
afterAll(async () => {
	await browser?.close();
	await Promise.all([empty?.stop(), full?.stop()]);
});

async function fill() {
	const rest = await Rest.setUp(full);
	const [operator, readonly] = [await rest.user('operator'), await rest.user('readonly')];
	return { house: await wholeHouse(full, rest), logins: { admin: ADMIN, operator, readonly } };
}

const { fixed, objects, more } = addresses();

/** Opens each page, without motion, and says what is wrong with it, in both themes if wanted. */
async function look(server: TestServer, login: typeof ADMIN, paths: string[], options: BrowserContextOptions, both = false): Promise<void> {
	const tab = await Tab.open(browser, server, { ...options, reducedMotion: 'reduce' });
	await tab.logIn(login);
	const wrong: string[] = [];
	for (const path of paths) {
		await tab.goto(path);
		const found = await tab.problemsOfPage();
		if (both) {
			await tab.page.emulateMedia({ colorScheme: 'dark' });
			found.push(...(await tab.accessibilityProblems(['color-contrast'])));
			await tab.page.emulateMedia({ colorScheme: 'light' });
		}
		wrong.push(...found.map((words) => `${path}: ${words}`));
	}
	expect(wrong).toEqual([]);
	await tab.close();
}

it('there are pages, and the navigation leads to no other', async () => {
	expect(fixed.length).toBeGreaterThan(20);
	const tab = await Tab.open(browser, empty);
	await tab.logIn(ADMIN);
	const links = tab.page.getByRole('navigation', { name: 'Pages' }).getByRole('link');
	const named = await links.evaluateAll((all) => all.map((link) => link.getAttribute('href') ?? ''));
	expect(named.length).toBeGreaterThan(15);
	expect(fixed).toEqual(expect.arrayContaining(named));
	await tab.close();
});

// One heading, nothing that axe finds, nothing wider than the window, no request to another host, no error in the console.
describe.concurrent('every page is in order', { timeout: 600_000 }, () => {
	it('of a server without anything, for an administrator, dark', async () => {
		await look(empty, ADMIN, fixed, { colorScheme: 'dark' });
	});

	it('of a server without anything, on a phone', async () => {
		await look(empty, ADMIN, fixed, PHONE);
	});

	it('of a busy server, for an administrator, light and dark', async () => {
		const { house, logins } = await filling;
		await look(full, logins.admin, [...fixed, ...objects, ...more, ...Object.values(house.examples), ...NOTHING_FITS], { colorScheme: 'light' }, true);
	});

	it('of a busy server, for an operator, on a phone', async () => {
		const { house, logins } = await filling;
		await look(full, logins.operator, [...fixed, ...objects, ...more, ...Object.values(house.examples)], PHONE);
	});

	it('of a busy server, for somebody who may only read, dark', async () => {
		const { house, logins } = await filling;
		await look(full, logins.readonly, [...fixed, ...objects, ...Object.values(house.examples)], { colorScheme: 'dark' });
	});
});
