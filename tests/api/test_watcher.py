"""Waking those who wait."""

from __future__ import annotations

import asyncio
import random

import redis

from nextlabel.api.watcher import Watcher
from nextlabel.core.jobs.store import CHANGED


async def rang_within(watcher, job_id, seconds):
    async with watcher.watching(job_id) as bell:
        begin = asyncio.get_running_loop().time()
        await bell.wait(seconds)
        return asyncio.get_running_loop().time() - begin < seconds


def test_a_watcher_stops_whatever_it_is_doing(empty_redis):
    async def start_and_stop(after_s):
        watcher = Watcher(empty_redis)
        await watcher.start()
        await asyncio.sleep(after_s)
        await asyncio.wait_for(watcher.stop(), 5)

    async def many():
        chance = random.Random(0)
        for _ in range(20):
            await asyncio.gather(*(start_and_stop(chance.random() * 0.02) for _ in range(10)))

    asyncio.run(many())


def test_a_change_wakes_all_who_watch_that_job_and_nobody_else(empty_redis):
    async def watch():
        watcher = Watcher(empty_redis)
        await watcher.start()
        await rang_within(watcher, "a", 5)  # rings once it has subscribed
        waiting = [asyncio.create_task(rang_within(watcher, job_id, 1)) for job_id in ("a", "a", "b")]
        await asyncio.sleep(0.1)
        with redis.Redis.from_url(empty_redis) as server:
            server.publish(CHANGED, "a")
        heard = [await one for one in waiting]
        await watcher.stop()
        return heard

    assert asyncio.run(watch()) == [True, True, False]


def test_nobody_is_remembered_after_watching(empty_redis):
    async def watch():
        watcher = Watcher(empty_redis)
        await asyncio.gather(*(rang_within(watcher, "a", 0.01) for _ in range(3)))
        return watcher

    assert not asyncio.run(watch())._bells
