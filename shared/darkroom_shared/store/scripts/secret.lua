-- The ledger's own secret, by which links that let a person decide are signed; drawn once.
-- args.secret  a text drawn at random, which becomes it if there is none yet
-- Returns the secret.
redis.call('SETNX', P .. 'secret', args.secret)
return redis.call('GET', P .. 'secret')
