-- A copy of a database talks to no router and takes in no money.
UPDATE isp_gateway SET mode = 'watching', password = NULL, control_uuid = NULL;
-- Not empty: a collection can't be without a token. Nobody knows this one.
UPDATE isp_collection
   SET token = md5(random()::text || clock_timestamp()::text) || md5(random()::text),
       previous_token = NULL, previous_token_until = NULL;
