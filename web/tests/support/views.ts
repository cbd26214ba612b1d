import type { Browser, BrowserContextOptions } from 'playwright-core';
import { expect, it } from 'vitest';
import { PHONE, Tab } from './browser';
import { ADMIN, type TestServer } from './server';

const VIEWS: Record<string, BrowserContextOptions> = { light: { colorScheme: 'light' }, dark: { colorScheme: 'dark' }, 'on a phone': PHONE };

interface Where {
	browser: Browser;
	server: TestServer;
	pages: string[];
}

/** A test for each way to look at these pages, as an administrator: all of them are in order. `where` is asked when it begins. */
export function inOrderInEveryView(where: () => Where): void {
	it.each(Object.entries(VIEWS))('is in order: %s', async (_, options) => {
		const { browser, server, pages } = where();
		const tab = await Tab.open(browser, server, options);
		await tab.logIn(ADMIN);
		for (const address of pages) {
			await tab.goto(address);
			expect(await tab.problemsOfPage(), address).toEqual([]);
		}
		await tab.close();
	});
}
