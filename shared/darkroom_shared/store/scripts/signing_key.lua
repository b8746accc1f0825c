-- The ledger's own key pair, with which webhooks are signed for receivers that may not know a secret; drawn once.
-- args.key  the private half as base64, drawn at random, which becomes it if there is none yet
-- Returns the private half.
redis.call('SETNX', P .. 'signing_key', args.key)
return redis.call('GET', P .. 'signing_key')
