// What a shard does by itself. A slot that it has given away is `gone`, and then it refuses: who asks it has old news.

/** Keys fall into so many slots. */
export const SLOTS = 512;

/** How a statement says that the slot is elsewhere. */
export const GONE = 421;

/** To be run once, in one transaction. */
export const SCHEMA = `
CREATE TABLE public.records (key text PRIMARY KEY, value jsonb NOT NULL, version bigint NOT NULL);
CREATE TABLE public.floors (slot int PRIMARY KEY, version bigint NOT NULL);
CREATE TABLE public.gone (slot int PRIMARY KEY, records int NOT NULL);
CREATE TABLE public.verdicts (name text PRIMARY KEY, is_commit boolean NOT NULL);

CREATE FUNCTION public.slot_of(key text) RETURNS int LANGUAGE sql IMMUTABLE
  RETURN ('x' || substr(md5(key), 1, 4))::bit(16)::int % ${SLOTS};
CREATE INDEX records_by_slot ON public.records (public.slot_of(key));

-- Alone with the key, and one of many with its slot, until the transaction ends; null, or how many records are gone.
CREATE FUNCTION public.enter(k text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(1, public.slot_of(k));
  PERFORM pg_advisory_xact_lock(2, hashtext(k));
  RETURN (SELECT records FROM public.gone WHERE slot = public.slot_of(k));
END $$;

CREATE FUNCTION public.put(k text, v jsonb, expected bigint, must_be_absent boolean, OUT status int, OUT made bigint)
LANGUAGE plpgsql AS $$
DECLARE before bigint;
BEGIN
  made := public.enter(k);
  IF made IS NOT NULL THEN status := ${GONE}; RETURN; END IF;
  SELECT version INTO before FROM public.records WHERE key = k;
  IF (must_be_absent AND before IS NOT NULL) OR coalesce(expected, before) IS DISTINCT FROM before THEN
    status := 412;
  ELSIF before IS NULL THEN
    status := 201;
    made := coalesce((SELECT version FROM public.floors WHERE slot = public.slot_of(k)), 0) + 1;
    INSERT INTO public.records VALUES (k, v, made);
  ELSE
    status := 200;
    made := before + 1;
    UPDATE public.records SET value = v, version = made WHERE key = k;
  END IF;
END $$;

-- No key of a slot is created below the floor that its deleted ones have left.
CREATE FUNCTION public.remove(k text, expected bigint, OUT status int, OUT made bigint) LANGUAGE plpgsql AS $$
DECLARE before bigint;
BEGIN
  made := public.enter(k);
  IF made IS NOT NULL THEN status := ${GONE}; RETURN; END IF;
  SELECT version INTO before FROM public.records WHERE key = k;
  IF before IS NULL THEN status := 404; RETURN; END IF;
  IF expected <> before THEN status := 412; RETURN; END IF;
  INSERT INTO public.floors AS f VALUES (public.slot_of(k), before)
    ON CONFLICT (slot) DO UPDATE SET version = greatest(f.version, excluded.version);
  DELETE FROM public.records WHERE key = k;
  status := 204;
END $$;`;
